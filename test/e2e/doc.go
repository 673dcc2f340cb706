// Package e2e tests the whole of it: agent, relay, simulated gateway, tills, displays and a
// browser, on one machine and as processes, from the till's request to its acknowledgement, with
// everything that goes wrong between them.
//
// There is nothing to import here, and nothing runs outside the tests.
package e2e
