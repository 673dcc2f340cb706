package bundle

import (
	"context"
	"encoding/json"
	"errors"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/offline"
)

// Sources are what a bundle is made of.
type Sources struct {
	Config  *config.Config // nil where it cannot be used
	Fault   error          // what is wrong with the configuration
	Version string         // of the program
	Facts   int64          // how many facts of the journal at most
	Doctor  func(ctx context.Context) any
}

// bundler makes the members of one bundle.
type bundler struct {
	ctx context.Context
	Sources
}

// Members are all that a bundle holds but for a log. Each is made when it is written.
func Members(ctx context.Context, from Sources) []Member {
	b := &bundler{ctx, from}
	members := []Member{
		{Name: "system.txt", Make: func() ([]byte, error) {
			return System(b.Version, b.Config)
		}},
		{Name: "doctor.json", Make: func() ([]byte, error) {
			return json.MarshalIndent(b.Doctor(b.ctx), "", "  ")
		}},
		{Name: "config.toml", Make: func() ([]byte, error) {
			if b.Config == nil {
				return nil, b.Fault
			}
			text, err := Config(b.Config)
			return text, errors.Join(err, b.Fault)
		}},
	}
	if b.Config == nil {
		return members
	}
	return append(members,
		Member{Name: "status.json", Make: b.status},
		Member{Name: "metrics.txt", Make: func() ([]byte, error) {
			return adminclient.Fetch(b.ctx, b.Config.Admin.Socket, "/v1/metrics")
		}},
		b.journal("journal.json", Journal),
		b.journal("facts.jsonl", func(j *offline.Reader) ([]byte, error) {
			return Facts(j, b.Facts)
		}),
		b.journal("worklist.json", Worklist),
	)
}

func (b *bundler) journal(name string, text func(*offline.Reader) ([]byte, error)) Member {
	return Member{Name: name, Make: func() (made []byte, err error) {
		err = offline.Read(b.Config.Journal.Path, func(j *offline.Reader) (err error) {
			made, err = text(j)
			return err
		})
		return made, err
	}}
}

// status is the agent's, with no more of a payment that is under way than its id and status.
func (b *bundler) status() ([]byte, error) {
	text, err := adminclient.Fetch(b.ctx, b.Config.Admin.Socket, "/v1/status")
	if err != nil {
		return nil, err
	}
	var st map[string]json.RawMessage
	if err := json.Unmarshal(text, &st); err != nil {
		return nil, err
	}
	var active *struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(st["active"], &active); err != nil {
		return nil, err
	}
	if st["active"], err = json.Marshal(active); err != nil {
		return nil, err
	}
	return json.MarshalIndent(st, "", "  ")
}
