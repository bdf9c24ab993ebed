// Command centrifuge is the room on github.com/centrifugal/centrifuge: a node with its memory broker and one channel.
//
// Its clients speak centrifuge's JSON protocol: they say {"id":1,"connect":{}} first, and send a message as
// {"id":1,"publish":{"channel":"chat","data":"…"}}; it comes as {"push":{"channel":"chat","pub":{"data":"…"}}}, under heavy load up
// to 16 of them in a frame, one a line. A ping is {}, at times a line among others, and wants {} back.
//
// It is set up for many connections as its documentation has it:
//   - handler_websocket.go: ProcessCommandsOffReadLoop "suits large pools of mostly-idle connections"; UseWriteBufferPool.
//   - Centrifugo's page on its WebSocket transport: a read buffer of 512 bytes to use less memory.
//   - events.go, ConnectReply.Subscriptions, and _examples/unidirectional_ws: who is to get a channel anyway is subscribed by the
//     server, without a command of the client's.
//
// WriteDelay is left at its default, none: it collects messages at the price of a delay to each.
package main

import (
	"context"
	"net"

	"github.com/centrifugal/centrifuge"

	"crier/bench/peers/internal/peer"
)

const channel = "chat"

func main() {
	peer.Main(serve)
}

func serve(ln net.Listener) error {
	// The queue of a connection has its default bound, 1 MiB.
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{}, // anybody
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
		}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnPublish(publish)
		c.OnDisconnect(disconnected)
	})
	if err := node.Run(); err != nil {
		return err
	}
	return peer.ServeHTTP(ln, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		ReadBufferSize:             peer.ReadBuffer,
		UseWriteBufferPool:         true,
		ProcessCommandsOffReadLoop: true,
		MessageSizeLimit:           peer.MaxMessage,
	}))
}

// publish lets the node publish what a client sends to everybody who is subscribed.
func publish(e centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
	if e.Channel != channel {
		answer(centrifuge.PublishReply{}, centrifuge.ErrorPermissionDenied)
		return
	}
	answer(centrifuge.PublishReply{}, nil)
}

func disconnected(e centrifuge.DisconnectEvent) {
	switch e.Code {
	case centrifuge.DisconnectSlow.Code, centrifuge.DisconnectWriteError.Code:
		peer.Removed()
	}
}
