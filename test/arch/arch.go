// Package arch holds the tests of what docs/ARCHITECTURE.md says about the house: which room may
// know which other, and that its list of rooms is whole. And of the docs themselves: links lead
// somewhere, the tests and files that they name exist, README leads to each page, no prose is too
// wide.
//
// There is nothing to import here, and nothing runs outside the test.
package arch
