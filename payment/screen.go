package payment

// Screen names what the customer display can be told to show. The set is closed: a new one is a
// constant and a row here, its case in payment/engine/view.go, its words in ui/texts.json and its
// icon in ui/assets/icons.js. A final payment's screen has the name of its status.
type Screen string

// The screens.
const (
	ScreenIdle         Screen = "idle"
	ScreenChoose       Screen = "choose"
	ScreenPreparing    Screen = "preparing"
	ScreenPay          Screen = "pay"
	ScreenOpened       Screen = "opened"
	ScreenChecking     Screen = "checking"
	ScreenApproved     Screen = "approved"
	ScreenDeclined     Screen = "declined"
	ScreenExpired      Screen = "expired"
	ScreenCancelled    Screen = "cancelled"
	ScreenUnknown      Screen = "unknown"
	ScreenOutOfService Screen = "out_of_service"
)

// screens has one row for each Screen, in the order of docs/SCREENS.md, with its line there. It is
// never written after its creation.
var screens = []struct {
	screen Screen
	when   string
}{
	{ScreenIdle, "no sale; the terminal is ready"},
	{ScreenChoose, "mode qr with several wallets, of which the till has named none: the customer " +
		"touches one"},
	{ScreenPreparing, "the gateway is making the code"},
	{ScreenPay, "a sale is awaiting: amount, code, time left, what is accepted"},
	{ScreenOpened, "the customer has opened the payment page (where the gateway tells)"},
	{ScreenChecking,
		"the code is withdrawn (cancel, time over); the outcome is being found out"},
	{ScreenApproved, "paid"},
	{ScreenDeclined, "not paid: the last attempt was declined"},
	{ScreenExpired, "not paid in time"},
	{ScreenCancelled, "the sale was cancelled"},
	{ScreenUnknown, "staff must look; the customer must not pay again"},
	{ScreenOutOfService, "no sale is possible; the small code is for staff (`kiosk-agent status` " +
		"says more)"},
}

// Screens lists every Screen, for the tables that must be complete.
func Screens() []Screen {
	all := make([]Screen, len(screens))
	for i, row := range screens {
		all[i] = row.screen
	}
	return all
}
