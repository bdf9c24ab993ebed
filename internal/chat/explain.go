package chat

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// explain says in one line why a dial failed and what to do about it.
func explain(target *url.URL, timeout time.Duration, answer *http.Response, cause error) *DialError {
	e := &DialError{URL: target.Redacted(), Err: cause}
	if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
		e.Status = answer.StatusCode
		e.Text = explainAnswer(target, answer)
		return e
	}

	at := hostPort(target)
	var (
		dns   *net.DNSError
		cert  *tls.CertificateVerificationError
		plain tls.RecordHeaderError
		alert tls.AlertError
		slow  net.Error
	)
	switch text := cause.Error(); {
	case errors.Is(cause, syscall.ECONNREFUSED):
		e.Text = fmt.Sprintf("nobody listens at %s; start a node with `crier serve`", at)
	case errors.As(cause, &dns) && dns.IsNotFound:
		e.Text = fmt.Sprintf("there is no host named %q; check the spelling", dns.Name)
	case errors.As(cause, &dns):
		e.Text = fmt.Sprintf("the name %q cannot be looked up; is the network up? (%s)", dns.Name, escapeLine(dns.Err))
	case errors.Is(cause, context.DeadlineExceeded), errors.As(cause, &slow) && slow.Timeout():
		e.Text = fmt.Sprintf("no answer from %s within %v; check the address, and whether a firewall is in between", at, timeout)
	case errors.Is(cause, syscall.ENETUNREACH), errors.Is(cause, syscall.EHOSTUNREACH):
		e.Text = fmt.Sprintf("there is no way to %s from here; is the network up?", at)
	case errors.As(cause, &cert):
		e.Text = "the server's certificate is not accepted: " + escapeLine(cert.Err.Error())
	case errors.As(cause, &plain), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		e.Text = fmt.Sprintf("%s does not speak TLS; try ws:// instead of wss://", at)
	case errors.As(cause, &alert):
		e.Text = "the TLS handshake failed: " + escapeLine(alert.Error())
	case strings.Contains(text, "malformed HTTP"):
		e.Text = fmt.Sprintf("what listens at %s does not speak HTTP; check the port, or try wss:// if it speaks TLS", at)
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, syscall.ECONNRESET):
		e.Text = fmt.Sprintf("%s hung up without an answer; is it a node, and does it have room?", at)
	case strings.Contains(text, "WebSocket protocol violation"):
		_, what, _ := strings.Cut(text, "WebSocket protocol violation: ")
		e.Text = "the server got the WebSocket handshake wrong: " + escapeLine(what)
	default:
		e.Text = escapeLine(innermost(cause).Error())
	}
	return e
}

func explainAnswer(target *url.URL, answer *http.Response) string {
	text := fmt.Sprintf("the server answered %d", answer.StatusCode)
	if name := http.StatusText(answer.StatusCode); name != "" {
		text += " " + name
	}
	first := firstLine(answer.Body)
	if first != "" {
		text += ": " + escapeLine(first)
	}
	switch {
	case strings.Contains(first, "HTTP request to an HTTPS server"):
		text += "; try wss:// instead of ws://"
	case answer.StatusCode == http.StatusNotFound:
		text += fmt.Sprintf("; is the path %s right? a node's is /chat", escapeLine(target.Path))
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		text += "; is the path right, and does the node admit this origin?"
	case answer.StatusCode == http.StatusServiceUnavailable, answer.StatusCode == http.StatusTooManyRequests:
		text += "; the node is full or busy, try again later"
	case answer.StatusCode < 400:
		text += "; a node answers 101, is this one?"
	}
	return text
}

// firstLine returns the first line of a body that says something.
func firstLine(body io.Reader) string {
	if body == nil {
		return ""
	}
	scanner := bufio.NewScanner(io.LimitReader(body, 1024))
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			return line
		}
	}
	return ""
}

// innermost follows the chain of causes to its end.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
