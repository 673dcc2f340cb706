package relayd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// farewell is why a connection is ended from our side.
type farewell struct {
	code int
	text string
}

func (f farewell) Error() string { return fmt.Sprintf("closed with %d: %s", f.code, f.text) }

// session is one terminal's connection. Two goroutines serve it: run, the only writer and the owner
// of all fields without a note, and read, which feeds inbound.
type session struct {
	srv     *Server
	conn    *websocket.Conn
	term    *terminal
	token   hash // that it came with
	sources []rules.Source
	id      string
	log     *slog.Logger

	inbound chan relay.Message // 16; when full, read waits, and so does the agent
	wake    chan struct{}      // holds one: a wake-up before the last is served adds nothing
	lost    chan error         // holds one: read's last word
	bye     chan farewell      // holds one: the first reason counts

	rules    *rules.Session
	doubted  bool // and said so: its head is not the known one
	headTick *time.Timer
}

// lingerFor is how long the agent may take to answer a close.
const lingerFor = time.Second

// close asks run to end the connection; it never blocks. Safe for concurrent use, like wakeUp.
func (s *session) close(code int, text string) {
	select {
	case s.bye <- farewell{code, text}:
	default:
	}
}

// allowed says whether the token that the connection was opened with is still good.
func (s *session) allowed() bool {
	now := s.srv.terminals.get(s.term.ID)
	return now != nil && now.allows(s.token, s.srv.cfg.Now())
}

func (s *session) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run serves the connection to its end.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	readerDone := make(chan struct{})
	go func() { defer close(readerDone); s.read() }()
	err := s.serve(ctx)
	var f farewell
	if errors.As(err, &f) {
		s.sendClose(f.code, f.text)
		// A connection that is closed while something of the agent's is unread is reset, and the
		// agent would not hear why: its answer to the close is read first.
		late := time.AfterFunc(lingerFor, func() { _ = s.conn.Close() })
		defer late.Stop()
	} else {
		_ = s.conn.Close()
	}
	cancel()
	s.drain(readerDone)
	_ = s.conn.Close()
	s.saveHead(context.Background())
	s.log.Info("terminal disconnected", "conn", s.id, "error", err)
}

// drain takes what read still has to give: the agent's last acks carry its newest head.
func (s *session) drain(readerDone <-chan struct{}) {
	for {
		select {
		case m := <-s.inbound:
			s.rules.Overhear(m)
			continue
		case <-readerDone:
		}
		for len(s.inbound) > 0 {
			s.rules.Overhear(<-s.inbound)
		}
		return
	}
}

func (s *session) serve(ctx context.Context) error {
	if err := s.greet(ctx); err != nil {
		return err
	}
	ping := time.NewTicker(s.srv.cfg.Ping)
	defer ping.Stop()
	s.headTick = time.NewTimer(time.Hour)
	defer s.headTick.Stop()
	s.wakeUp()
	for {
		if err := s.turn(ctx, ping.C); err != nil {
			return err
		}
	}
}

// turn waits for one thing to happen, and does it.
func (s *session) turn(ctx context.Context, ping <-chan time.Time) error {
	select {
	case f := <-s.bye:
		return f
	case err := <-s.lost:
		return err
	case m := <-s.inbound:
		saveIn, err := s.rules.Hear(s.srv.cfg.Now(), m)
		if saveIn != rules.NoSave {
			s.headTick.Reset(saveIn)
		}
		if err != nil {
			return s.ended(err)
		}
		return s.pump(ctx)
	case <-s.wake:
		return s.pump(ctx)
	case <-s.headTick.C:
		s.saveHead(ctx)
		return nil
	case <-ping:
		if err := s.conn.WriteControl(websocket.PingMessage, nil,
			time.Now().Add(writeTimeout)); err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		if !s.allowed() {
			return farewell{closeRevoked, "the token is no longer valid"} // an old one has expired
		}
		if err := s.marked(s.rules.KeepPosition(ctx, s.srv.cfg.Now())); err != nil {
			return err
		}
		return s.pump(ctx) // covers a wake-up that was lost
	}
}

// read feeds messages to run until the connection ends. A connection that is silent for three pings
// is dead.
func (s *session) read() {
	s.conn.SetReadLimit(relay.MaxToRelay)
	alive := func() { _ = s.conn.SetReadDeadline(time.Now().Add(3 * s.srv.cfg.Ping)) }
	alive()
	s.conn.SetPongHandler(func(string) error { alive(); return nil })
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			s.lost <- fmt.Errorf("connection lost: %w", err)
			return
		}
		alive()
		var m relay.Message
		if kind == websocket.TextMessage {
			m, err = relay.Decode(data)
		} else {
			err = relay.ErrMalformed
		}
		if err != nil {
			s.close(websocket.CloseUnsupportedData, err.Error())
			return
		}
		s.inbound <- m // taken by run, or by drain once run is over
	}
}

// pump sends what the store holds, and comes back later when there is more.
func (s *session) pump(ctx context.Context) error {
	more, err := s.rules.Pump(ctx)
	if more {
		s.wakeUp()
	}
	return s.ended(err)
}

func (s *session) saveHead(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	a, err := s.rules.SaveHead(ctx)
	if err != nil {
		s.log.Error("store a journal head", "error", err)
		return
	}
	s.anchored(a)
}

func (s *session) send(m relay.Message) error {
	data, err := relay.Encode(m)
	if err != nil {
		return err
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := s.conn.WriteMessage(websocket.TextMessage, data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if d, ok := m.(relay.Delivery); ok {
		s.srv.metrics.deliveries.WithLabelValues(d.Kind).Inc()
	}
	return nil
}

func (s *session) sendClose(code int, text string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text),
		time.Now().Add(time.Second))
}
