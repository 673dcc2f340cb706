// Package arch holds the tests of what docs/ARCHITECTURE.md says about the house: which room may
// know which other, and that its list of rooms is whole.
//
// Of the docs themselves: links lead somewhere, the tests and files that they name exist, README
// leads to each page, no prose is too wide. Of the code: no line is too wide, a help text fits a
// terminal, a package comment a screen, its doc links lead somewhere, and a document that a comment
// or a message names can be opened.
//
// There is nothing to import here, and nothing runs outside the test.
package arch
