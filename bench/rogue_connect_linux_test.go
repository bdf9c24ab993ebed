package bench_test

import (
	"testing"
	"time"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// TestRogueDoors: nobody gets in, or only the first half does. Why is told in the server's words, as far as they are words.
func TestRogueDoors(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    rogue.Behaviour
		why  string
	}{
		{"503", rogue.Behaviour{Door: rogue.Unavailable}, "503 Service Unavailable: the house is full"},
		{"429", rogue.Behaviour{Door: rogue.TooMany}, "429 Too Many Requests"},
		{"404", rogue.Behaviour{Door: rogue.NotFound}, "404 Not Found"},
		{"a page", rogue.Behaviour{Door: rogue.Page}, "200 OK"},
		{"301", rogue.Behaviour{Door: rogue.Moved}, "301 Moved Permanently, see ws://127.0.0.1:1/elsewhere"},
		{"no HTTP", rogue.Behaviour{Door: rogue.NotHTTP}, "no HTTP"},
		{"binary", rogue.Behaviour{Door: rogue.Binary}, "no HTTP"},
		{"silence", rogue.Behaviour{Door: rogue.Silence}, "no answer within 300ms"},
		{"one byte more again and again", rogue.Behaviour{Door: rogue.Dripping}, "no answer within 300ms"},
		{"hang up", rogue.Behaviour{Door: rogue.HangUp}, "without"},
		{"half an answer", rogue.Behaviour{Door: rogue.HalfHead}, "without"},
		{"slam", rogue.Behaviour{Slam: true}, "reset"},
		{"wrong accept", rogue.Behaviour{Door: rogue.WrongAccept}, "Sec-WebSocket-Accept"},
		{"no accept", rogue.Behaviour{Door: rogue.NoAccept}, "Sec-WebSocket-Accept"},
		{"no upgrade", rogue.Behaviour{Door: rogue.NoUpgrade}, "Upgrade"},
		{"a long head", rogue.Behaviour{Door: rogue.LongHead}, "over 65536 bytes"},
		{"a long head, bytewise", rogue.Behaviour{Door: rogue.LongHead, Head: rogue.Bytewise}, "over 65536 bytes"},
		{"a subprotocol", rogue.Behaviour{Door: rogue.Subprotocol("soap")}, `subprotocol "soap"`},
		{"an extension", rogue.Behaviour{Door: rogue.Extension("permessage-deflate")}, "extension"},
	} {
		for _, welcome := range []int{0, members / 2} {
			name := tt.name
			if welcome > 0 {
				name += ", half of them"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := tt.b
				b.Welcome = welcome
				s := rogue.Start(t, b)
				timeout := 10 * time.Second
				if tt.why == "no answer within 300ms" {
					timeout = 300 * time.Millisecond
				}
				res := run(t, s, bench.Config{Scenario: bench.ScenarioFanout, Rounds: 3, ConnectTimeout: timeout})
				c := res.Connect
				if c == nil {
					t.Fatal("nothing is told of the connections")
				}
				if c.Wanted != members || c.Open != welcome || c.Failed != members-welcome || c.Handshake.Count != int64(welcome) {
					t.Errorf("%d wanted, %d open, %d failed, %d handshakes, want %d, %d, %d, %[2]d", c.Wanted, c.Open, c.Failed, c.Handshake.Count, members, welcome, members-welcome)
				}
				tallied(t, res, tally{})
				blames(t, res, tt.why)
				if welcome > 0 && (res.Fanout == nil || res.Fanout.Rounds != 3) {
					t.Errorf("those that are in measured %+v, want 3 rounds", res.Fanout)
				}
			})
		}
	}
}

// TestRogueNobody: there is no server at all.
func TestRogueNobody(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{})
	s.Kill()
	res := run(t, s, bench.Config{Scenario: bench.ScenarioIdle, Connections: 100})
	blames(t, res, "connection refused")
	if res.Connect == nil || res.Connect.Open != 0 || res.Connect.Wanted != 100 {
		t.Errorf("%+v", res.Connect)
	}
}

// TestRogueStorm: everybody else is cut off and comes back, or not all do.
func TestRogueStorm(t *testing.T) {
	const stay = 10 // percent
	for _, tt := range []struct {
		name      string
		b         rogue.Behaviour
		churn     float64
		allBack   bool
		failures  int // at least; exactly if all are back
		complains string
	}{
		{"at once", rogue.Behaviour{}, 0, true, 0, ""},
		{"churn", rogue.Behaviour{}, 50, true, 0, ""},
		{"five are refused first", rogue.Behaviour{Welcome: members, Door: rogue.Unavailable, Refused: 5}, 0, true, 5, ""},
		{"nobody gets in again", rogue.Behaviour{Welcome: members, Door: rogue.Unavailable}, 0, false, 1, "503 Service Unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, tt.b)
			timeout := 20 * time.Second
			if !tt.allBack {
				timeout = time.Second
			}
			res := run(t, s, bench.Config{Scenario: bench.ScenarioStorm, Stay: stay, Churn: tt.churn, Rate: 50, Duration: time.Second, ConnectTimeout: timeout})
			st := res.Storm
			if st == nil {
				t.Fatal("nothing is told of the storm")
			}
			if st.Cut == 0 || tt.churn == 0 && (st.Cut < members/2 || st.Cut >= members) {
				t.Errorf("%d of %d were cut off", st.Cut, members)
			}
			if tt.allBack && st.Back != st.Cut || !tt.allBack && st.Back != 0 {
				t.Errorf("%d of %d came back", st.Back, st.Cut)
			}
			if st.Failed < tt.failures || tt.allBack && st.Failed != tt.failures {
				t.Errorf("%d attempts failed, want %d", st.Failed, tt.failures)
			}
			if tt.failures > 0 && (len(st.Failures) != 1 || st.Failures[0].Count != st.Failed) {
				t.Errorf("they failed for %v", st.Failures)
			}
			tallied(t, res, tally{})
			if tt.complains != "" {
				blames(t, res, tt.complains)
			} else {
				blames(t, res)
			}
		})
	}
}
