package config

import (
	"slices"

	"kiosk-agent/internal/conf"
)

// Load reads and checks a file. The error is conf.Problems.
func Load(path string) (*Config, error) { return Reader{}.Load(path) }

// Load reads and checks a file. The error is conf.Problems.
func (r Reader) Load(path string) (*Config, error) {
	c, err := r.Salvage(path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Salvage is Load for a program that must serve what it can: where nothing is wrong but other files
// that the configuration names, the configuration comes with the error.
func Salvage(path string) (*Config, error) { return Reader{}.Salvage(path) }

// Salvage is what the function of this name says.
func (r Reader) Salvage(path string) (*Config, error) {
	data, err := conf.Read(path, "the agent's user", "a new kiosk's is made by kiosk-agent init")
	if err != nil {
		return nil, err
	}
	c, ps := r.parse(path, data)
	if len(ps) == 0 {
		return c, nil
	}
	if slices.ContainsFunc(ps, func(p conf.Problem) bool { return !p.File }) {
		c = nil
	}
	return c, ps
}

// Parse checks data as the content of the file at path. The error is conf.Problems.
func Parse(path string, data []byte) (*Config, error) { return Reader{}.Parse(path, data) }

// Parse checks data as the content of the file at path. The error is conf.Problems.
func (r Reader) Parse(path string, data []byte) (*Config, error) {
	c, ps := r.parse(path, data)
	if len(ps) > 0 {
		return nil, ps
	}
	return c, nil
}

// parse returns no configuration where data cannot be decoded.
func (r Reader) parse(path string, data []byte) (*Config, conf.Problems) {
	c := r.Default()
	tables := c.Tables()
	file, ps := Keys(r.table()).Decode(path, data, tables.Addr().Interface())
	if file == nil {
		return nil, ps
	}
	c.file = file
	c.take(tables)
	return &c, append(ps, c.check()...).Sorted()
}

// Path is the file that the configuration came from; "" for one that no file gave.
func (c *Config) Path() string {
	if c.file == nil {
		return ""
	}
	return c.file.Path()
}

// Text is the content of that file. It names secrets and holds none.
func (c *Config) Text() []byte {
	if c.file == nil {
		return nil
	}
	return c.file.Text()
}

// Locate puts the file and line before an error of another part whose text begins with a dotted key
// of the configuration ("axs.secret: …"). Joined errors are located one by one.
func (c *Config) Locate(err error) error {
	if c.file == nil {
		return err
	}
	return c.file.Locate(err)
}
