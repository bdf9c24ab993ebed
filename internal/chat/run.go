package chat

import (
	"context"
	"math/rand/v2"
	"os"
)

// Run talks to a node until the input ends, the user leaves, ctx ends or the
// connection is lost for good. It returns nil if the user left or, for a
// pipe, if all that was sent has come back; an error wrapping the cause of
// ctx if that ended; and else what went wrong: an error wrapping [ErrURL], a
// [*DialError], [*LostError], [*EchoError] or [*LineError], or a failure to
// read In or write Out. All of them are one line, safe to print.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.filled()
	target, err := parseTarget(cfg.URL)
	if err != nil {
		return err
	}
	d := &dialer{
		target:       target,
		tls:          cfg.TLS,
		timeout:      cfg.DialTimeout,
		closeTimeout: cfg.CloseTimeout,
		maxMessage:   cfg.MaxMessage,
	}
	s := &session{
		group: &group{},
		dial: func(ctx context.Context) (conn, error) {
			l, err := d.dial(ctx)
			if err != nil {
				return nil, err
			}
			return l, nil
		},
		reconnect: cfg.Reconnect,
		backoff:   backoff{min: cfg.RetryMin, max: cfg.RetryMax},
		random:    rand.Float64,
		echoWait:  cfg.EchoWait,
		closeWait: cfg.CloseTimeout,
		address:   target.Redacted(),
		ledger:    newLedger(),
	}
	in, inFile := cfg.In.(*os.File)
	out, outFile := cfg.Out.(*os.File)
	if inFile && outFile && isTerminal(in) && isTerminal(out) {
		return runTerminal(ctx, cfg, s, in, out)
	}
	return runPipe(ctx, cfg, s, outFile && isTerminal(out))
}
