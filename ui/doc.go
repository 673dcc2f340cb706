// Package ui is the customer display: it serves the page that Chromium shows in kiosk mode, pushes
// the screen that the customer should see, and reports what the page has really painted. That
// report is what the engine journals as shown.
//
// It does not decide anything about a payment, keeps no history, and never sends the text of a QR
// code to the page: the hub draws the code (package ui/qr) and sends the drawing. One display is
// active, the newest that authenticated; older ones are told so and let go.
//
// A [Hub] is safe for concurrent use. What happens to the connections happens one at a time, under
// the lock of its loop; Show, Fits and State never wait for that.
//
// Nothing is kept on disk. After a crash the page shows nothing payable within 3 s, reconnects by
// itself (its cookie stays valid as long as the display token does) and shows whatever the new
// process is told to show.
//
// # HTTP
//
//	GET /?token=…   sets the cookie, 303 to /; a wrong token: 401 and what to do
//	GET /           the page; 401 without a valid cookie
//	GET /assets/…   style and scripts; /logo the merchant's logo: both without a cookie
//	GET /vacant     whether no display is active
//	GET /ws         the WebSocket: cookie, or the display token as a bearer
//
// Host and Origin are checked on each of them first ([kiosk-agent/internal/guard]). With
// [Config.Open] nobody is asked for a token or a cookie, and none is set: the terminal is out of
// service, and its token is lost.
//
// docs/DISPLAY-PROTOCOL.md has the messages, what counts as shown, and what a program does that
// stands in for the page.
package ui
