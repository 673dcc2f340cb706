// Package ui is the customer display: it serves the page that Chromium shows in kiosk mode, pushes
// the screen that the customer should see, and reports what the page has really painted. That
// report is what the engine journals as `shown`.
//
// It does not decide anything about a payment, keeps no history, and never sends the text of a QR
// code to the page: the hub draws the code and sends the drawing. One display is active, the newest
// that authenticated; older ones are told so and let go.
//
// A Hub is safe for concurrent use. Run owns all connection state; Show, Fits, State and the
// handler only talk to it. Nothing is kept on disk: after a crash the page shows nothing payable
// within 3 s, reconnects by itself (its cookie stays valid as long as the display token does) and
// shows whatever the new process is told to show.
//
// # HTTP
//
//	GET /?token=…   right token: sets the cookie, 303 to /; wrong token: 401 and a page that says what to do
//	GET /           the page; 401 without a valid cookie
//	GET /assets/…   style and scripts, /logo the merchant's logo; both without a cookie (nothing secret in them)
//	GET /vacant     {"vacant":true} while no display is active: how a page that had to give way learns that it may come back
//	GET /ws         WebSocket, subprotocol kiosk-display.v1; cookie, or "Authorization: Bearer <display token>" for programs
//
// With Config.Open nobody is asked for a token or a cookie, and none is set: the terminal is out of
// service, and its token is lost. Host and Origin are checked on each of them first (403, see
// internal/guard).
//
// # Messages, one JSON object per text message
//
// From the display; unknown types and fields, and messages over 4 KiB, close the connection with
// 1008 or 1009:
//
//	{"type":"hello", "box_px":1045, "viewport":[1920,1080], "dpr":1, "touch":true}
//	    must come first, within three beats; makes it the active display
//	{"type":"layout", "box_px":…, "viewport":[…], "dpr":…, "touch":…}    the measures have changed
//	{"type":"alive", "n":7}                                              at once for each beat; three beats of silence: disconnected
//	{"type":"shown", "seq":12, "kind":"pay", "payment":"01J…", "revision":3, "box_px":…, "viewport":[…], "dpr":…, "touch":…}
//	{"type":"choose", "seq":11, "payment":"01J…", "scheme":"paynow"}     the customer has touched one of the choices of that screen
//
// box_px is the side of the square that the code may use, in device pixels; viewport is in CSS
// pixels; touch says that the display can send "choose" (a page always can: whether its screen can
// be touched, display.touch of the configuration says). "shown" is sent after the second animation
// frame of a painted screen: it repeats seq, kind, payment and revision of the message it is about.
// Only a report of the newest seq with the right kind counts, and only a touch of something that
// the newest screen offers. When a page shows something else by itself it reports that with kind
// "wait" (agent not heard for 3 s, or the time to choose is over), "checking" (time is up) or
// "hidden" (not visible), and the seq of the screen that this stands for.
//
// From the agent:
//
//	{"type":"snapshot", "build":"1f0c…", …}    answer to hello: a whole screen, see below; another build than the page's: reload
//	{"type":"screen", "seq":12, "kind":"pay", "payment":"01J…", "revision":3, "amount":"1,000.23", "currency":"SGD",
//	  "schemes":["PayNow"], "remaining_ms":179500, "total_ms":180000, "how":"link", "reason":"",
//	  "qr":{"modules":117, "quiet":4, "px":8, "level":"M", "path":"M4 4h7v1h-7z…"}}
//	{"type":"screen", "seq":11, "kind":"choose", …, "choices":[{"scheme":"paynow", "name":"PayNow"}, …]}
//	{"type":"beat", "n":7, "seq":12, "remaining_ms":172400}
//	{"type":"bye", "reason":"moved"}           then close 4001; "silent" 4002; "slow" closes without it; "shutdown" 1001
//
// A screen replaces the one before it whole. Absent fields are empty. qr is there for kind pay
// only, and only while time is left. A code that does not fit is replaced by kind out_of_service
// with reason code_too_small or code_too_long, same payment and revision. The display must hide
// anything payable when remaining_ms has passed (counted on its own monotonic clock) and when it
// has heard nothing for 3 s; it may show it again on the next message.
//
// # A program as a display
//
// A program (the demo without a browser, a test) dials /ws by a loopback address with
// "Authorization: Bearer <display token>", the subprotocol and no Origin; sends hello with a box_px
// that is true for what it draws (a terminal that prints the code may say 1000); answers every beat
// with alive; and after it has drawn a snapshot or a screen sends shown with that message's seq,
// kind, payment and revision, and its measures. On 4001 it must not dial again while GET /vacant
// says false.
package ui
