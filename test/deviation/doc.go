// Package deviation sells at gateways that are otherwise than their pages say: each deviation that
// a simulated gateway can play is a row with what becomes of a sale without a setting, and with the
// one that mends it. The adapter, the engine's shell and the journal are the real ones, over HTTP;
// time alone is moved by hand.
//
// There is nothing to import here.
package deviation
