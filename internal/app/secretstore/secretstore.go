// Package secretstore puts secrets where the configuration names them: into a file of mode 0600, or
// sealed for this machine by systemd-creds.
//
// It makes no secret and shows none: a secret goes through pipes only, never through arguments. A
// file is written whole or not at all. One command uses a Store.
package secretstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
)

// sealWithin bounds systemd-creds: a TPM takes its time.
const sealWithin = 30 * time.Second

// Store puts secrets where a configuration names them.
type Store struct {
	cfg     *config.Config
	credDir string
	out     io.Writer
}

// New is a store for one configuration, which says to out what protects a secret now. credDir is
// $CREDENTIALS_DIRECTORY, "" where there is none.
func New(cfg *config.Config, credDir string, out io.Writer) Store {
	return Store{cfg, credDir, out}
}

// Place is where the secret of this name belongs. The error says which names there are, or what to
// write first.
func (s Store) Place(name string) (config.SecretRef, error) {
	var names []string
	for _, r := range s.cfg.Secrets() {
		switch {
		case r.Name == name && r.Ref == "":
			return r, fmt.Errorf("%s names no place for it: write %s = \"file:%s\" into %s first",
				r.Key, r.Key,
				filepath.Join(filepath.Dir(s.cfg.Path()),
					strings.ReplaceAll(name, ":", "-")+".secret"), s.cfg.Path())
		case r.Name == name:
			return r, nil
		case r.Ref != "":
			names = append(names, r.Name)
		}
	}
	return config.SecretRef{}, fmt.Errorf("there is no secret %.40q; there are: %s", name,
		strings.Join(names, ", "))
}

// KeepOld makes the present secret the previous one, unless it is the new one already: a command
// that is run twice must not lose the old.
func (s Store) KeepOld(ctx context.Context, r config.SecretRef, fresh secret.Value) error {
	previous, err := s.Place(r.Name + "-previous")
	if err != nil {
		return err
	}
	dir := s.credDir
	if dir == "" {
		dir = "/run/credentials/kiosk-agent.service" // of the running service; root may read it
	}
	old, err := secret.Resolve(r.Ref, dir)
	if err != nil {
		return fmt.Errorf("%s cannot be kept as the previous one: %w", r.Key, err)
	}
	if old.Matches(fresh.Reveal()) {
		return fmt.Errorf("%s is this secret already: nothing was changed", r.Key)
	}
	return s.Put(ctx, previous, old)
}

// Put writes one secret and says what protects it now.
func (s Store) Put(ctx context.Context, r config.SecretRef, v secret.Value) error {
	if path, ok := strings.CutPrefix(r.Ref, "file:"); ok {
		if err := secret.WriteFile(path, v, filepath.Dir(s.cfg.Journal.Path)); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is in %s, mode 0600, not encrypted: who takes the disk out of "+
			"this machine, or is root on it, can read it.\n", r.Name, path)
		if _, err := exec.LookPath("systemd-creds"); err == nil {
			fmt.Fprintf(s.out, "To seal it to this machine: %s = \"credential:%s\" and the "+
				"same command again (docs/OPERATIONS.md, Secrets).\n",
				r.Key, filepath.Base(path))
		}
		return nil
	}
	name := strings.TrimPrefix(r.Ref, "credential:")
	if name != filepath.Base(name) {
		return fmt.Errorf("%s: a credential's name has no slash", r.Key)
	}
	path := filepath.Join(filepath.Dir(s.cfg.Path()), name+".cred")
	if err := s.seal(ctx, name, path, v); err != nil {
		return fmt.Errorf("%s cannot be sealed here: %w\nWithout sealing: %s = \"file:PATH\" "+
			"in %s, and the same command again",
			r.Name, err, r.Key, s.cfg.Path())
	}
	what := "only this machine opens it (its TPM), and root on it."
	if _, err := s.creds(ctx, nil, "has-tpm2"); err != nil {
		what = "this machine has no TPM that can be used, so the key lies on the same disk " +
			"(/var/lib/systemd/credential.secret).\n" +
			"A copy of this file alone is worthless; who takes the whole disk, or is root " +
			"here, can read it."
	}
	fmt.Fprintf(s.out,
		"%s is sealed in %s: %s\nThe service must load it: LoadCredentialEncrypted=%s:%s\n", r.Name,
		path, what, name, path)
	return nil
}

// seal encrypts the secret for this machine, with its TPM where there is one, and looks whether it
// opens.
func (s Store) seal(ctx context.Context, name, path string, v secret.Value) error {
	sealed, err := s.creds(ctx, v.Reveal(), "encrypt", "--name="+name, "-", "-")
	if err != nil {
		return err
	}
	opened, err := s.creds(ctx, sealed, "decrypt", "--name="+name, "-", "-")
	if err != nil {
		return err
	}
	if !v.Matches(opened) {
		return errors.New("it does not open again as it was")
	}
	return secret.WriteFile(path, secret.New(bytes.TrimSpace(sealed)), s.cfg.Path())
}

// creds runs systemd-creds. The secret goes through pipes only, never through arguments or files.
func (s Store) creds(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, sealWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemd-creds", args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("systemd-creds %s: %w: %.200s", args[0], err,
			strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
