package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/rights"
	"kiosk-agent/packaging"
)

// Free is nil where nothing of anybody's would be replaced: no configuration is there, it is the
// one that the package brings, or Replace was said.
func (k Kiosk) Free() error {
	var text []byte
	err := rights.As(k.Path(), func() (err error) {
		text, err = os.ReadFile(k.Path())
		return err
	})
	switch {
	case k.Replace, errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !asDelivered(text):
		return fmt.Errorf("%s is there already, and is not as the package has brought it; "+
			"--force replaces it, and keeps it as config.toml.bak", k.Path())
	}
	return nil
}

// asDelivered is whether the text says what the package's configuration says, whatever its comments
// are: an older version's said it in other words.
func asDelivered(text []byte) bool {
	got, err := decode(text)
	if err != nil {
		return false
	}
	want, err := decode([]byte(packaging.AgentConfig))
	return err == nil && reflect.DeepEqual(got, want)
}

// makeDir makes the directory of the configuration, for the agent to read.
func (k Kiosk) makeDir() error {
	if _, err := os.Stat(k.Dir); err == nil {
		return nil
	}
	return rights.As(k.Dir, func() error {
		if err := os.MkdirAll(k.Dir, 0o750); err != nil {
			return err
		}
		d, err := os.Open(k.Dir)
		if err != nil {
			return err
		}
		return errors.Join(readableLike(d, k.State, 0o750), d.Close())
	})
}

// writeConfig puts the text into the configuration's file, for root and the agent's group, and says
// where the one before is kept.
func (k Kiosk) writeConfig(text []byte) (backup string, err error) {
	err = rights.As(k.Path(), func() error {
		return disk.Replace(k.Path(), text, func(f *os.File) (err error) {
			if err := readableLike(f, k.State, 0o640); err != nil {
				return err
			}
			backup, err = k.keepOld()
			return err
		})
	})
	return backup, err
}

// keepOld keeps the configuration that is there as config.toml.bak, or .bak.2 and so on: one that
// was kept before stays.
func (k Kiosk) keepOld() (string, error) {
	old, err := os.ReadFile(k.Path())
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(old) == packaging.AgentConfig {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	name := k.Path() + ".bak"
	for n := 2; ; n++ {
		err := os.Link(k.Path(), name)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
		name = fmt.Sprintf("%s.bak.%d", k.Path(), n)
	}
}
