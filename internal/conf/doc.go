// Package conf reads configuration files: TOML, strictly, and with every mistake at once, each with
// its line, its key, what is wrong and what to do.
//
// A program brings a struct with toml tags, which holds the defaults, and a table of its keys
// (Keys): what each means, and the bounds of its number. The same table makes the reference and the
// examples, so that file, check and document cannot differ. conf knows no key itself, opens nothing
// but the file, and resolves no secret.
//
// Durations are written "90s", "10m", "24h" or "7d", sizes "64MiB". A file may hold no character
// that nobody sees, but in comments and in texts for people.
//
// A File is read by anybody at once; a Checker is one goroutine's. Nothing is written, so nothing
// has to survive a crash.
package conf
