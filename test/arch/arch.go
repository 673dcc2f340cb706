// Package arch holds the tests of what docs/ARCHITECTURE.md says about the house: which room may
// know which other, and that its list of rooms is whole, the docs' links lead somewhere and the
// tests that they name exist.
//
// There is nothing to import here, and nothing runs outside the test.
package arch
