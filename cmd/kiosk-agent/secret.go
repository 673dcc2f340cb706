package main

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

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/secret"
)

// sealWithin bounds systemd-creds: a TPM takes its time.
const sealWithin = 30 * time.Second

func newSecret() *cobra.Command {
	cmd := &cobra.Command{
		Use: "secret", Short: "Put secrets where the configuration names them", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a secret command is missing: set")
		},
	}
	cmd.AddCommand(newSecretSet())
	return cmd
}

func newSecretSet() *cobra.Command {
	var rotate bool
	cmd := &cobra.Command{
		Use: "set NAME",
		Short: "Set a secret: " + strings.Join(gateways.All().Names(), ", ") +
			", each with -previous, relay, display or till:NAME",
		Args: manual.Operands("NAME"),
		Long: "set reads the secret from standard input, or asks for it without showing it, " +
			"and puts it where the configuration names it:\n" +
			"credential:NAME is sealed with systemd-creds for this machine (NAME.cred beside " +
			"the configuration), file:PATH is a file of mode 0600.\n" +
			"With --rotate the secret that is there now becomes the previous one, which opens " +
			"notifications too. Restart the agent afterwards.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			s := setter{cmd.Context(), c, cmd.OutOrStdout()}
			ref, err := s.ref(args[0])
			if err != nil {
				return exit.Failed(err)
			}
			value, err := typed(cmd.InOrStdin(), cmd.ErrOrStderr(), args[0])
			if err != nil {
				return exit.Failed(err)
			}
			if rotate {
				if err := s.keepOld(ref, value); err != nil {
					return exit.Failed(err)
				}
			}
			if err := s.store(ref, value); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintln(s.out, "The running agent has the old one until it is restarted: "+
				"systemctl restart kiosk-agent\nA payment that is under way goes on after that.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "keep the present secret as NAME-previous")
	return cmd
}

// typed reads the secret from a pipe, or asks for it.
func typed(in io.Reader, prompt io.Writer, name string) (secret.Value, error) {
	line, asked, err := asker{in, prompt}.askHidden("The secret " + name + " (nothing is shown)")
	switch {
	case err != nil:
		return secret.Value{}, err
	case asked:
		return secret.Typed(line)
	}
	b, err := io.ReadAll(io.LimitReader(in, 8<<10))
	if err != nil {
		return secret.Value{}, err
	}
	return secret.Typed(b)
}

// readLine reads to the end of the line and no further.
func readLine(r io.Reader) (line []byte, err error) {
	for one := make([]byte, 1); len(line) < 8<<10; {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' {
			return line, nil
		}
		if line = append(line, one[:n]...); err != nil {
			return line, err
		}
	}
	return line, nil
}

// setter puts secrets where a configuration names them.
type setter struct {
	ctx context.Context
	cfg *config.Config
	out io.Writer
}

func (s setter) ref(name string) (config.SecretRef, error) {
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

// keepOld makes the present secret the previous one, unless it is the new one already: a command
// that is run twice must not lose the old.
func (s setter) keepOld(r config.SecretRef, fresh secret.Value) error {
	previous, err := s.ref(r.Name + "-previous")
	if err != nil {
		return err
	}
	dir := credDir()
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
	return s.store(previous, old)
}

// store writes one secret and says what protects it now.
func (s setter) store(r config.SecretRef, v secret.Value) error {
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
	if err := s.seal(name, path, v); err != nil {
		return fmt.Errorf("%s cannot be sealed here: %w\nWithout sealing: %s = \"file:PATH\" "+
			"in %s, and the same command again",
			r.Name, err, r.Key, s.cfg.Path())
	}
	what := "only this machine opens it (its TPM), and root on it."
	if _, err := s.creds(nil, "has-tpm2"); err != nil {
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
func (s setter) seal(name, path string, v secret.Value) error {
	sealed, err := s.creds(v.Reveal(), "encrypt", "--name="+name, "-", "-")
	if err != nil {
		return err
	}
	opened, err := s.creds(sealed, "decrypt", "--name="+name, "-", "-")
	if err != nil {
		return err
	}
	if !v.Matches(opened) {
		return errors.New("it does not open again as it was")
	}
	return secret.WriteFile(path, secret.New(bytes.TrimSpace(sealed)), s.cfg.Path())
}

// creds runs systemd-creds. The secret goes through pipes only, never through arguments or files.
func (s setter) creds(in []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, sealWithin)
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
