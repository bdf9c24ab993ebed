package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crier/bench"
)

func parse(t *testing.T, args ...string) (*cli, error) {
	t.Helper()
	c := &cli{}
	p, err := kong.New(c, kong.Name("bench"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(args)
	return c, err
}

func TestFlagsBecomeConfig(t *testing.T) {
	c, err := parse(t, "slow", "-n", "7", "--procs", "2", "--source", "127.0.0.1-127.0.0.3", "--source", "::1", "--header", "Authorization: Bearer a:b",
		"--subprotocol", "x", "--text", "--hello", "a,b", "--hello", "c", "--envelope", `{"d":"{}"}`, "--answer", "2=3", "--answer", "==y",
		"--pid", "1", "--pid", "2 3,4\n", "--connect-rate", "5", "--connecting", "3", "--connect-timeout", "1s", "--patience", "2s", "--size", "40",
		"--rate", "3", "--duration", "4s", "--slow", "5", "--buffer=-1", "ws://h/p")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := c.Slow.config()
	if err != nil {
		t.Fatal(err)
	}
	want := bench.Config{
		URL: "ws://h/p", Connections: 7, Procs: 2,
		Sources: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3"), netip.IPv6Loopback()},
		Header:  map[string][]string{"Authorization": {"Bearer a:b"}}, Protocols: []string{"x"}, Text: true, Hello: []string{"a,b", "c"},
		Envelope: `{"d":"{}"}`, Answers: []bench.Answer{{To: "2", With: "3"}, {To: "=", With: "y"}}, PIDs: []int{1, 2, 3, 4},
		ConnectRate: 5, Connecting: 3, ConnectTimeout: time.Second, Patience: 2 * time.Second, Size: 40,
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
	if s := c.Slow; s.Rate != 3 || s.Duration != 4*time.Second || s.Slow != 5 || s.Buffer != -1 {
		t.Errorf("of the scenario: %+v", s)
	}
}

func TestEveryScenarioIsACommand(t *testing.T) {
	var names []string
	fields := reflect.TypeFor[cli]()
	for i := range fields.NumField() {
		names = append(names, strings.ToLower(fields.Field(i).Name))
	}
	for _, s := range bench.Scenarios {
		if !slices.Contains(names, s) {
			t.Errorf("scenario %s has no command", s)
		}
	}
}

// What the help texts call a default is bench's own.
func TestDefaultsAreThoseOfBench(t *testing.T) {
	for _, scenario := range bench.Scenarios {
		args := []string{scenario}
		if scenario != bench.ScenarioLimit {
			args = append(args, "ws://127.0.0.1:1/")
		}
		c, err := parse(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(c).Elem().FieldByName(strings.ToUpper(scenario[:1]) + scenario[1:])
		want := bench.Config{Scenario: scenario, URL: "ws://127.0.0.1:1/"}
		if scenario == bench.ScenarioLimit {
			want.URL = ""
		}
		want, err = want.Filled()
		if err != nil {
			t.Fatal(err)
		}
		for flag, field := range map[string]string{
			"Connections": "", "Procs": "", "Connecting": "", "ConnectTimeout": "", "Patience": "", "Size": "", "Envelope": "",
			"Hold": "", "Rounds": "", "Warmup": "", "Batch": "", "Rate": "", "Duration": "", "Slow": "", "Buffer": "", "Stay": "",
		} {
			if field == "" {
				field = flag
			}
			f := v.FieldByName(flag)
			if !f.IsValid() {
				continue // another scenario's
			}
			if got, want := f.Interface(), reflect.ValueOf(want).FieldByName(field).Interface(); got != want {
				t.Errorf("%s: --%s is %v by default, bench's own is %v", scenario, strings.ToLower(flag), got, want)
			}
		}
	}
}

func TestMistakesAreTold(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"fanout", "expected \"<url>\""},
		{"fanout ws://h/ --nonsense", "unknown flag --nonsense"},
		{"fanout ws://h/ --source 1.2.3", "want an address or a range"},
		{"fanout ws://h/ --source 127.0.0.2-127.0.0.1", "want an address or a range"},
		{"fanout ws://h/ --source 10.0.0.0-10.200.0.0", "more than 65536 addresses"},
		{"fanout ws://h/ --header x", "want 'Name: value'"},
		{"fanout ws://127.0.0.1/ --header Upgrade:x", "the generator writes it itself"},
		{"fanout ws://h/ --answer x", "want what comes, =, and what to send"},
		{"fanout ws://h/ -n 0", "--connections 0: want more than 0"},
		{"fanout ws://127.0.0.1/ --rounds 0", "--rounds 0: want more than 0"},
		{"fanout ws://127.0.0.1/ --rounds=-1", "rounds: -1: want at least 1"},
		{"rate ws://127.0.0.1/ --rate 0 --duration 0s", "--duration 0: want more than 0; --rate 0"},
		{"rate ws://127.0.0.1/ --size 20000000", "size: 20000000: want 36 to"},
		{"rate ws://127.0.0.1/ --pid=", "is the server running?"},
		{"rate ws://127.0.0.1/ --pid x", "want the number of a process"},
		{"rate ws://::1:88/x", "stands in brackets"},
		{"rate 127.0.0.1:80/x", "want ws://host:port/path"},
		{"rate ws://127.0.0.1/ --html -", "want the name of a file"},
		{"fanout ws://127.0.0.1/ --size 3", "size: 3: want 36 to"},
		{"fanout wss://127.0.0.1/", "TLS is not measured here"},
		{"fanout http2://127.0.0.1/", "want ws://host:port/path"},
		{"fanout ws://a:b@127.0.0.1/", "holds a user"},
		{"fanout ws://127.0.0.1:99999/", "port"},
		{"fanout ws:///x", "has no host"},
		{"fanout ws://127.0.0.1/ --envelope x", "want {} in it once"},
		{"fanout ws://127.0.0.1/ --pid 1 --metrics http://h/", "not both"},
		{"fanout ws://127.0.0.1/ --source ::1", "are not of one kind"},
		{"fanout ws://127.0.0.1/ -n 100000000 --procs 1000", "need 100064 descriptors"},
		{"fanout ws://127.0.0.1/ --json /nowhere/at/all", "--json: open /nowhere/at/all"},
		{"rate ws://127.0.0.1/ --rate 0.1 --duration 1s", "want time for one message at least"},
		{"slow ws://127.0.0.1/ --slow 100", "slow: 100"},
		{"storm ws://127.0.0.1/ --stay 100", "stay: 100"},
	} {
		_, err := run(strings.Fields(test.args))
		var usage *usageError
		if err == nil || !errors.As(err, &usage) || !strings.Contains(inOneLine(err), test.want) {
			t.Errorf("%s: got %v, want a usage error with %q", test.args, err, test.want)
		}
	}
}

// A run that cannot begin leaves the result of an earlier one as it is.
func TestEarlierResultStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(file, []byte("earlier"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"idle", "ws://127.0.0.1:1/", "--size", "3", "--json", file},
		{"idle", "ws://127.0.0.1:1/", "--pid", "1073741824", "--json", file},
	} {
		if _, err := run(args); err == nil {
			t.Errorf("%v: no error", args)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "earlier" {
			t.Errorf("%v: the file holds %q, %v", args, b, err)
		}
	}
}
