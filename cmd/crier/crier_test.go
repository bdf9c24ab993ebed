package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

// limit is generous: it is only ever reached by a test that fails.
const limit = 20 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "crier")
	if err == nil {
		binary = filepath.Join(dir, "crier")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// command is the program with nothing of ours in its environment.
func command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "CRIER_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// runCrier runs the program to its end.
func runCrier(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := command(ctx, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("crier %v: %v, %v; %s", args, err, ctx.Err(), &errs)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"serve", "--help"}, {"chat", "--help"}} {
		code, out, errs := runCrier(t, nil, args...)
		if code != 0 || !strings.Contains(out, "Usage: crier") || errs != "" {
			t.Errorf("crier %v: %d, %q, %q", args, code, out, errs)
		}
	}
	code, out, errs := runCrier(t, nil, "version")
	if code != 0 || !regexp.MustCompile(`^crier \S+ go\S+ linux/\S+\n$`).MatchString(out) || errs != "" {
		t.Errorf("version: %d, %q, %q", code, out, errs)
	}
}

// TestMistakes: each is told in one clear line, and the exit code says whose it is.
func TestMistakes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	type mistake struct {
		env  []string
		args []string
		code int
		want []string // in the line
	}
	free := []string{"serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}
	with := func(args ...string) []string { return append(slices.Clone(free), args...) }
	tests := map[string]mistake{
		"no such command":      {args: []string{"sing"}, code: 2, want: []string{"sing"}},
		"no such flag":         {args: with("--nonsense"), code: 2, want: []string{"--nonsense", "--help"}},
		"no value":             {args: with("--max-message"), code: 2, want: []string{"--max-message"}},
		"no number":            {args: with("--max-message=many"), code: 2, want: []string{"--max-message", "many"}},
		"no time":              {args: with("--ping-after=5"), code: 2, want: []string{"--ping-after", "5"}},
		"no level":             {args: with("--log-level=loud"), code: 2, want: []string{"--log-level", "loud"}},
		"no format":            {args: with("--log-format=xml"), code: 2, want: []string{"--log-format", "xml"}},
		"bad environment":      {env: []string{"CRIER_MAX_LAG=lots"}, args: free, code: 2, want: []string{"CRIER_MAX_LAG", "lots"}},
		"bad time there":       {env: []string{"CRIER_CLOSE_TIMEOUT=soon"}, args: free, code: 2, want: []string{"CRIER_CLOSE_TIMEOUT", "soon"}},
		"out of range":         {args: with("--max-message=-1"), code: 1, want: []string{"max message -1"}},
		"two mistakes":         {args: with("--max-message=-1", "--workers=-2"), code: 1, want: []string{"max message -1", "workers -2"}},
		"path without a slash": {args: with("--path=chat"), code: 1, want: []string{`path "chat"`}},
		"no origin":            {args: with("--allow-origin=example.org"), code: 1, want: []string{`origin "example.org"`}},
		"no port":              {args: []string{"serve", "--listen=localhost", "--admin=127.0.0.1:0"}, code: 1, want: []string{"localhost", "port"}},
		"address in use":       {args: []string{"serve", "--listen=" + taken, "--admin=127.0.0.1:0"}, code: 1, want: []string{taken, "in use", "--listen"}},
		"admin in use":         {args: []string{"serve", "--listen=127.0.0.1:0", "--admin=" + taken}, code: 1, want: []string{"admin", taken, "in use", "--admin"}},
		"foreign address":      {args: []string{"serve", "--listen=192.0.2.1:0", "--admin=127.0.0.1:0"}, code: 1, want: []string{"192.0.2.1", "does not have"}},
		"nobody there":         {args: []string{"chat", "ws://127.0.0.1:1/chat"}, code: 1, want: []string{"127.0.0.1:1"}},
		"no URL":               {args: []string{"chat", "ftp://127.0.0.1/"}, code: 1, want: []string{"ftp"}},
		"not a node":           {args: []string{"chat", "ws://127.0.0.1:1/ chat"}, code: 1, want: nil},
	}
	if os.Geteuid() != 0 {
		tests["no permission"] = mistake{args: []string{"serve", "--listen=127.0.0.1:1", "--admin=127.0.0.1:0"}, code: 1, want: []string{"permission", "root"}}
	} else {
		t.Log("SKIPPED: \"no permission\", since root has them all")
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runCrier(t, tc.env, tc.args...)
			if code != tc.code || out != "" {
				t.Errorf("exit code %d, %q on stdout; want %d and nothing", code, out, tc.code)
			}
			if !strings.HasPrefix(errs, "crier: ") || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "goroutine") {
				t.Errorf("%q, want one line", errs)
			}
			for _, w := range tc.want {
				if !strings.Contains(errs, w) {
					t.Errorf("%q does not tell of %q", errs, w)
				}
			}
		})
	}
}

// A served is a running crier serve.
type served struct {
	cmd        *exec.Cmd
	url, admin string
	rest       chan string // of stdout
	mu         sync.Mutex
	errs       bytes.Buffer // guarded by mu
}

func (s *served) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs.Write(p)
}

func (s *served) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs.String()
}

func serve(t *testing.T, env []string, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*limit)
	s := &served{rest: make(chan string, 1)}
	s.cmd = command(ctx, env, append([]string{"serve"}, args...)...)
	s.cmd.Stderr = s
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = s.cmd.Wait()
	})
	r := bufio.NewReader(out)
	for range 4 {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v; %s", line, err, s.logged())
		}
		if u := regexp.MustCompile(`^WebSocket +(ws://\S+)\n$`).FindStringSubmatch(line); u != nil {
			s.url = u[1]
		}
		if u := regexp.MustCompile(`^admin +(http://\S+)`).FindStringSubmatch(line); u != nil {
			s.admin = u[1]
		}
	}
	go func() {
		b, _ := io.ReadAll(r)
		s.rest <- string(b)
	}()
	if s.url == "" || s.admin == "" || strings.Contains(s.url, ":0/") || strings.HasSuffix(s.admin, ":0") {
		t.Fatalf("WebSocket %q, admin %q: want the addresses", s.url, s.admin)
	}
	return s
}

// stop sends SIGTERM and waits for the end.
func (s *served) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if rest := <-s.rest; rest != "" {
		t.Errorf("more on stdout: %q", rest)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("ended by %v, want exit code 0; %s", err, s.logged())
	}
}

func dial(t *testing.T, url string, header http.Header) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial(url, header)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_ = c.SetReadDeadline(time.Now().Add(limit))
	t.Cleanup(func() { c.Close() })
	return c
}

func TestServe(t *testing.T) {
	s := serve(t, []string{"CRIER_PATH=/room", "CRIER_MAX_MESSAGE=10"}, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0",
		"--allow-origin=https://a.example", "--allow-origin=https://b.example")
	if !strings.HasSuffix(s.url, "/room") {
		t.Errorf("%s, want the path of the environment", s.url)
	}
	one := dial(t, s.url, http.Header{"Origin": {"https://b.example"}})
	two := dial(t, s.url, nil)
	if err := one.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*websocket.Conn{one, two} {
		if _, b, err := c.ReadMessage(); err != nil || string(b) != "hello" {
			t.Fatal(err)
		}
	}
	if _, resp, err := websocket.DefaultDialer.Dial(s.url, http.Header{"Origin": {"https://c.example"}}); err == nil || resp == nil || resp.StatusCode != 403 {
		t.Errorf("a foreign origin: %v", err)
	}
	big := dial(t, s.url, nil)
	if err := big.WriteMessage(websocket.TextMessage, []byte("hello hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := big.ReadMessage(); !websocket.IsCloseError(err, 1009) {
		t.Errorf("11 bytes: %v, want 1009", err)
	}
	big.Close()
	for path, want := range map[string]string{"/metrics": "crier_messages_received_total 1\n", "/healthz": "ok", "/readyz": "ready"} {
		resp, err := http.Get(s.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: %s %v, want %q in it", path, resp.Status, err, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()

	told := make(chan error, 2)
	for _, c := range []*websocket.Conn{one, two} {
		go func() {
			_, _, err := c.ReadMessage()
			told <- err
			c.Close()
		}()
	}
	s.stop(t)
	for range 2 {
		if err := <-told; !websocket.IsCloseError(err, 1001) {
			t.Errorf("ended by %v, want 1001", err)
		}
	}
	if l := s.logged(); strings.Contains(l, "ERROR") || strings.Contains(l, "WARN") {
		t.Errorf("logged: %s", l)
	}
}

func TestLogsAsJSON(t *testing.T) {
	s := serve(t, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json", "--log-level=debug")
	c := dial(t, s.url, nil)
	if err := c.WriteMessage(websocket.CloseMessage, nil); err != nil {
		t.Fatal(err)
	}
	_, _, _ = c.ReadMessage()
	c.Close()
	s.stop(t)
	if l := s.logged(); !regexp.MustCompile(`"msg":"left","addr":"127.0.0.1:\d+","reason":"peer_closed"`).MatchString(l) {
		t.Errorf("logged: %s", l)
	}
}

// TestASecondSignalEndsAtOnce although a member does not end.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	s := serve(t, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--shutdown-timeout=1h", "--close-timeout=1h")
	c := dial(t, s.url, nil)
	c.SetCloseHandler(func(int, string) error { return nil }) // does not answer
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1001) {
		t.Errorf("ended by %v, want 1001", err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.rest
	var exit *exec.ExitError
	if err := s.cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v, want the signal", err)
	}
}

// TestChatPipe: lines in, the same lines out, and everybody else has them too.
func TestChatPipe(t *testing.T) {
	s := serve(t, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0")
	c := dial(t, s.url, nil)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := command(ctx, nil, "chat", s.url)
	cmd.Stdin = strings.NewReader("a\nb\n")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || string(out) != "a\nb\n" || errs.Len() > 0 {
		t.Errorf("%q, %q, %v", out, &errs, err)
	}
	for _, want := range []string{"a", "b"} {
		if kind, b, err := c.ReadMessage(); err != nil || kind != websocket.TextMessage || string(b) != want {
			t.Errorf("%d %q %v, want %q", kind, b, err, want)
		}
	}
	c.Close()
	s.stop(t)
}

// TestDefaultsAreTheNodes: the help states the defaults that the packages really have. They are read from the
// sources: def(&c.Field, value) and c.Field = value in the functions that fill them in.
func TestDefaultsAreTheNodes(t *testing.T) {
	fset := token.NewFileSet()
	pkg := types.NewPackage("defaults", "defaults")
	timePkg, err := importer.ForCompiler(fset, "source", nil).Import("time")
	if err != nil {
		t.Fatal(err)
	}
	pkg.Scope().Insert(types.NewPkgName(token.NoPos, pkg, "time", timePkg))
	defaults := make(map[string]constant.Value)
	for _, name := range []string{"../../internal/node/config.go", "../../hub/config.go", "../../netpoll/*.go"} {
		names, err := filepath.Glob(name)
		if err != nil || len(names) == 0 {
			t.Fatal(name, err)
		}
		for _, name := range names {
			file, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			take := func(field, value ast.Expr) {
				sel, ok := field.(*ast.SelectorExpr)
				if !ok {
					return
				}
				if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "c" {
					return
				}
				if tv, err := types.Eval(fset, pkg, token.NoPos, types.ExprString(value)); err == nil && tv.Value != nil {
					if _, known := defaults[sel.Sel.Name]; !known {
						defaults[sel.Sel.Name] = tv.Value
					}
				}
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Name.Name != "withDefaults" {
					continue
				}
				ast.Inspect(f, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.CallExpr:
						if fn, ok := n.Fun.(*ast.Ident); ok && fn.Name == "def" {
							take(n.Args[0].(*ast.UnaryExpr).X, n.Args[1])
						}
					case *ast.AssignStmt:
						take(n.Lhs[0], n.Rhs[0])
					}
					return true
				})
			}
		}
	}
	checked := 0
	for f := range reflect.TypeFor[serveCmd]().Fields() {
		field := map[string]string{"Listen": "Addr", "MaxControlRate": "ControlRate"}[f.Name]
		if field == "" {
			field = f.Name
		}
		value, ok := defaults[field]
		tag := f.Tag.Get("default")
		if tag == "" || f.Name == "Admin" || f.Name == "ShutdownTimeout" || strings.HasPrefix(f.Name, "Log") {
			continue // not the node's, or computed
		}
		if !ok {
			t.Errorf("--%s: no default found in the sources for %s", f.Name, field)
			continue
		}
		want := value.ExactString()
		switch {
		case value.Kind() == constant.String:
			want = constant.StringVal(value)
		case f.Type == reflect.TypeFor[time.Duration]():
			ns, _ := constant.Int64Val(value)
			d, err := time.ParseDuration(tag)
			if err != nil || d != time.Duration(ns) {
				t.Errorf("%s: the flag says %s, the node has %v", f.Name, tag, time.Duration(ns))
			}
			checked++
			continue
		}
		if tag != want {
			t.Errorf("%s: the flag says %s, the node has %s", f.Name, tag, want)
		}
		checked++
	}
	if checked < 12 {
		t.Errorf("only %d defaults were compared", checked)
	}
}
