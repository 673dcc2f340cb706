package payment

// Observed is one line about what a gateway has really sent, beside what its pages say: see
// docs/protocols. It is safe to show and to send to support: names, types, sizes, times and words,
// and no value but ours.
type Observed struct {
	Path string `json:"path"`
	What string `json:"what"` // "method", "member status", "amount"
	Is   string `json:"is"`   // what came, in words
	// what the paper says; "" where it says nothing
	Paper string `json:"paper,omitempty"`
	Fit   Fit    `json:"fit"`
	// the key of the configuration that mends it, such as axs.words.paid, and what to write there;
	// "" = none does
	Key   string `json:"key,omitempty"`
	Value string `json:"value,omitempty"`
}

// The values of Observed.Path.
const (
	PathNotification = "notification" // how it came, and what it says
	PathToken        = "token"        // the envelope of a notification that is encrypted
	PathQuery        = "query"        // the answer about one payment
	PathCreate       = "create"       // the answer that made a link
	PathCode         = "code"         // the answer that made a code for a wallet
)

// Fit is how an Observed stands to the paper.
type Fit string

// The values of Fit.
const (
	FitPaper   Fit = "paper"   // as the paper says
	FitOpen    Fit = "open"    // the paper leaves it open, and this agent takes it
	FitDiffers Fit = "differs" // otherwise, and Key mends it
	FitMended  Fit = "mended"  // otherwise, and the configuration has mended it
	FitUnknown Fit = "unknown" // otherwise, and nothing here mends it: support must see it
)
