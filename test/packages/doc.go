// Package packages holds the tests of packaging/: units, scripts and the default configuration in
// every run of the tests, and, with -packages (make test-packages), the Debian packages themselves
// in a machine of their own.
//
// There is nothing to import here, and nothing runs outside the tests.
package packages
