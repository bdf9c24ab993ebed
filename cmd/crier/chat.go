package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"crier/internal/chat"
)

type chatCmd struct {
	URL       string `arg:"" optional:"" default:"ws://127.0.0.1:8888/chat" help:"Node to talk to (${default})."`
	Reconnect bool   `help:"Keep trying, with growing pauses, when the connection is lost or cannot be made."`
}

// Run talks until the end of input, a signal, or a lost connection.
func (c *chatCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return chat.Run(ctx, chat.Config{URL: c.URL, Reconnect: c.Reconnect})
}
