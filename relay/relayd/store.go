package relayd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay/relayd/rules"
)

// StoreConfig says where hooks are kept and how many.
type StoreConfig struct {
	// Dir of the embedded store, used when URL is empty.
	Dir string
	// URL of an external NATS server with JetStream (nats://host:4222) and its credentials file.
	// The 200 is worth what that server's sync_interval is: set it to "always", or run three
	// replicas.
	URL, Credentials string
	// MaxBytes of all hooks; a full store answers 503. Default 4 GiB.
	MaxBytes int64
	// Retention is how long hooks are held. Default 168 h.
	Retention time.Duration
	// QuotaPerRoute is how many hooks and canaries one route may hold; more are answered 429.
	// Default 20 000.
	QuotaPerRoute int64
	// MinFree is the free space on Dir's disk below which hooks are refused with 503. Default 64
	// MiB.
	MinFree int64
	// Replicas of the streams, for an external cluster. Default 1.
	Replicas int
	// NewEpoch gives the store a new epoch at this start: every agent then gets a gap and
	// everything that is held. For use once after the store was restored from a copy.
	NewEpoch bool

	syncLater bool // only a test sets it, to see what the embedded store loses then
}

const (
	streamName  = "HOOKS"
	wakeSubject = "wake."
	connSubject = "relay.conn."
	epochKey    = "epoch"
	dedupWindow = 2 * time.Minute
	// bytes; the stream's own MaxBytes is the limit. A tight one here would refuse to start with a
	// smaller max_bytes
	unreserved   = 1 << 60
	startTimeout = 30 * time.Second
)

func (c StoreConfig) withDefaults() StoreConfig {
	if c.MaxBytes <= 0 {
		c.MaxBytes = 4 << 30
	}
	if c.Retention <= 0 {
		c.Retention = 168 * time.Hour
	}
	if c.QuotaPerRoute <= 0 {
		c.QuotaPerRoute = 20_000
	}
	if c.MinFree <= 0 {
		c.MinFree = 64 << 20
	}
	if c.Replicas <= 0 {
		c.Replicas = 1
	}
	return c
}

// store is one JetStream stream of hooks and two key-value buckets, embedded or on an external
// server.
type store struct {
	cfg       StoreConfig
	log       *slog.Logger
	lock      *os.File
	ns        *server.Server
	nc        *nats.Conn
	js        jetstream.JetStream
	hooks     jetstream.Stream
	terminals jetstream.KeyValue
	heads     jetstream.KeyValue
	names     *names             // nil with an external server
	wake      func(rules.Source) // tells the readers of a source; listen sets it

	stored atomic.Int64 // when the last publish was acknowledged, in Unix nanoseconds
	low    atomic.Bool  // the disk has less than MinFree left
}

func openStore(ctx context.Context, cfg StoreConfig, log *slog.Logger) (_ *store, err error) {
	s := &store{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.connect(); err != nil {
		return nil, err
	}
	if s.js, err = jetstream.New(s.nc, jetstream.WithDefaultTimeout(storeTimeout)); err != nil {
		return nil, err
	}
	if s.hooks, err = s.openHooks(ctx); err != nil {
		return nil, fmt.Errorf("stream %s: %w", streamName, err)
	}
	if s.terminals, err = s.openBucket(ctx, "TERMINALS"); err != nil {
		return nil, fmt.Errorf("terminals: %w", err)
	}
	if s.heads, err = s.openBucket(ctx, "HEADS"); err != nil {
		return nil, fmt.Errorf("journal heads: %w", err)
	}
	if err := s.names.syncAll(); err != nil {
		return nil, fmt.Errorf("sync its directories: %w", err)
	}
	return s, nil
}

func (s *store) connect() (err error) {
	opts := []nats.Option{
		nats.Name("kiosk-relay"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(false),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Warn("store connection", "error", err)
		}),
	}
	if s.cfg.URL == "" {
		if err := s.embed(); err != nil {
			return err
		}
		s.nc, err = nats.Connect("", append(opts, nats.InProcessServer(s.ns))...)
		return err
	}
	if s.cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(s.cfg.Credentials))
	}
	s.nc, err = nats.Connect(s.cfg.URL, opts...)
	return err
}

// embed starts a NATS server inside this process: no listener, each write synced before it is
// acknowledged (names has the rest of it).
func (s *store) embed() (err error) {
	if s.cfg.Dir == "" {
		return errors.New("neither a directory nor a URL")
	}
	if s.lock, err = lockDir(s.cfg.Dir); err != nil {
		return err
	}
	s.names = &names{root: s.cfg.Dir, synced: map[string]time.Time{}}
	s.ns, err = server.NewServer(&server.Options{
		ServerName: "kiosk-relay", DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: s.cfg.Dir, SyncAlways: !s.cfg.syncLater,
		JetStreamMaxStore: unreserved, JetStreamMaxMemory: 64 << 20,
	})
	if err != nil {
		return err
	}
	s.ns.SetLoggerV2(natsLog{s.log.With("part", "store")}, false, false, false)
	s.ns.Start()
	if !s.ns.ReadyForConnections(startTimeout) {
		return errors.New("the embedded store did not start")
	}
	return nil
}

func (s *store) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName, Description: "hooks, canaries and marks of kiosk-relay",
		Subjects:  []string{rules.Subjects + ">"},
		Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		MaxMsgsPerSubject: s.cfg.QuotaPerRoute, MaxBytes: s.cfg.MaxBytes, MaxAge: s.cfg.Retention,
		Duplicates: min(dedupWindow, s.cfg.Retention), Replicas: s.cfg.Replicas, AllowMsgTTL: true,
		// The embedded store is asked for a message without the API's detour. Of several servers
		// any would answer then, one that lags, too.
		AllowDirect: s.ns != nil,
		Metadata:    map[string]string{epochKey: newEpoch()},
	}
}

// openHooks creates the stream with a new epoch, or opens it with the epoch that it has and the
// limits of today. It looks first: to create a stream that is there is refused for want of room,
// because the server would reserve its max_bytes a second time.
func (s *store) openHooks(ctx context.Context) (jetstream.Stream, error) {
	want := s.streamConfig()
	existing, err := s.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err := s.forget(streamName); err != nil {
			return nil, err
		}
		var created jetstream.Stream
		created, err = s.js.CreateStream(ctx, want)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return created, err
		}
		existing, err = s.js.Stream(ctx, streamName) // another relay of the cluster was faster
	}
	if err != nil {
		return nil, err
	}
	cfg := existing.CachedInfo().Config
	epoch := cfg.Metadata[epochKey]
	if epoch == "" || s.cfg.NewEpoch {
		epoch = want.Metadata[epochKey]
	}
	same := epoch == cfg.Metadata[epochKey] && cfg.MaxAge == want.MaxAge &&
		cfg.MaxBytes == want.MaxBytes &&
		cfg.MaxMsgsPerSubject == want.MaxMsgsPerSubject && cfg.Replicas == want.Replicas &&
		cfg.AllowMsgTTL && cfg.AllowDirect == want.AllowDirect &&
		cfg.Discard == want.Discard && cfg.DiscardNewPerSubject && cfg.Duplicates == want.Duplicates
	if same {
		return existing, nil
	}
	want.Metadata[epochKey] = epoch
	return s.js.UpdateStream(ctx, want)
}

// forget removes what a stream that was not opened left of its description, so that the next one is
// written whole.
func (s *store) forget(stream string) error {
	found, err := s.names.forget(stream)
	if found {
		s.log.Warn("the store was stopped while it described a stream: it is described anew; "+
			"what the stream holds is kept", "stream", stream)
	}
	return err
}

func (s *store) openBucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	if _, err := s.js.KeyValue(ctx, name); errors.Is(err, jetstream.ErrBucketNotFound) {
		if err := s.forget(bucketStream + name); err != nil {
			return nil, err
		}
	}
	kv, err := s.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, History: 1, Storage: jetstream.FileStorage, Replicas: s.cfg.Replicas,
	})
	if errors.Is(err, jetstream.ErrBucketExists) {
		return s.js.KeyValue(ctx, name)
	}
	return kv, err
}

// size is how much the store holds.
type size struct{ bytes, msgs uint64 }

// Span asks the store itself: the stream may have been made anew since it was opened.
func (s *store) Span(ctx context.Context) (rules.Span, error) {
	sp, _, err := s.state(ctx)
	return sp, err
}

func (s *store) state(ctx context.Context) (rules.Span, size, error) {
	info, err := s.hooks.Info(ctx)
	if err != nil {
		return rules.Span{}, size{}, err
	}
	st := info.State
	return rules.Span{Epoch: info.Config.Metadata[epochKey], First: st.FirstSeq, Last: st.LastSeq},
		size{st.Bytes, st.Msgs}, nil
}

// listen passes wake-ups of sources, and news of connections made by other relays, on. Call it
// before anything is put.
func (s *store) listen(wake func(rules.Source), replaced func(terminal, conn string)) error {
	if s.ns != nil { // nobody else reads the embedded store
		s.wake = wake
	} else {
		if _, err := s.nc.Subscribe(wakeSubject+">", func(m *nats.Msg) {
			wake(rules.Source(strings.TrimPrefix(m.Subject, wakeSubject)))
		}); err != nil {
			return err
		}
		s.wake = func(of rules.Source) {
			if err := s.nc.Publish(wakeSubject+string(of), nil); err != nil {
				s.log.Debug("wake-up lost; the next poll covers it", "error", err)
			}
		}
	}
	_, err := s.nc.Subscribe(connSubject+"*", func(m *nats.Msg) {
		if id, ok := rules.FromHandle(strings.TrimPrefix(m.Subject, connSubject)); ok {
			replaced(id, string(m.Data))
		}
	})
	if err != nil {
		return err
	}
	return s.nc.Flush()
}

// announce tells all relays that terminal is now connected here.
func (s *store) announce(terminal, conn string) error {
	return s.nc.Publish(connSubject+rules.Handle(terminal), []byte(conn))
}

func (s *store) close() {
	if s.nc != nil {
		_ = s.nc.FlushTimeout(time.Second)
		s.nc.Close()
	}
	if s.ns != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

func newEpoch() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program rather than returning weak bytes
	return hex.EncodeToString(b[:])
}

// natsLog writes the embedded server's log lines into ours.
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l natsLog) Warnf(f string, v ...any)   { l.log.Warn(fmt.Sprintf(f, v...)) }
func (l natsLog) Fatalf(f string, v ...any)  { l.log.Error(fmt.Sprintf(f, v...)) }
func (l natsLog) Errorf(f string, v ...any)  { l.log.Error(fmt.Sprintf(f, v...)) }
func (l natsLog) Debugf(string, ...any)      {}
func (l natsLog) Tracef(string, ...any)      {}
