// Package serial keeps the line to one till open: a serial device, a TCP port that the till
// connects to, or one that it is reached at. A [Link] finds the device by its stable name each
// time, locks it, sets its mode, hands the open line to a serve function, and opens it anew, with a
// growing wait, whenever it breaks. What goes over the line is not its concern, but for one thing:
// a TCP connection whose first bytes spell HTTP or TLS comes from a web page, and serve never sees
// it.
//
// Nothing is kept on disk but a lock file with the process id, which a crash releases. A line that
// failed once, also by a write that was not done in time, is never used again: half a frame may
// have gone out. Nothing is sent twice.
//
// A Link is run once, by one goroutine; [Link.State] is safe for concurrent use. A [Conn] may be
// read by one goroutine, written by others and closed by any.
//
// # The library, and why the bytes do not go through it
//
// The serial library is go.bug.st/serial. It opens ports, sets their mode and lists USB adapters.
// On Linux the bytes themselves go through an os.File of our own on the same device, because the
// library's port cannot be used safely for money: its Write has no deadline, Close does not free
// it, a Write after Close goes into whatever file got the descriptor's number next, and descriptors
// from 1024 on make its Read panic. An os.File has deadlines, wakes its users on Close, counts them
// so that the number is not given away before the last one has left, and has no limit of
// descriptors. Elsewhere (Windows) the library's port is used, behind portLine, which counts its
// users in the same way. Ports are not listed through the library on Linux: for that it opens every
// /dev/ttyS*, also those in use, and resets their speed; the same facts are read from sysfs.
package serial
