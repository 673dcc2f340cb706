// Package arch holds the test of the import rules in docs/ARCHITECTURE.md: which room of the house may know which other.
//
// There is nothing to import here, and nothing runs outside the test.
package arch
