package api

import (
	"bufio"
	"bytes"
	"encoding/json"
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

// proofTimeout bounds the making of a connection and the health request that
// proves it.
const proofTimeout = time.Second

// maxAnswer bounds the body of an answer, in bytes: the largest value, each
// byte escaped in JSON, and room for the rest.
const maxAnswer = 4 << 20

// Client speaks to one node for one process: it has at most one request under
// way and keeps one connection. It repeats nothing, ever: a hidden retry would
// turn one operation of a history into two. That is why it writes requests to
// a connection of its own instead of using http.Client, which repeats
// requests when a connection that it kept turns out dead.
//
// A published port of a container accepts connections that nobody serves. So
// each new connection proves itself by a health request before an operation is
// sent on it: what fails until then did not happen.
type Client struct {
	addr   string // host:port
	conn   net.Conn
	reader *bufio.Reader
}

// NewClient gives a client of the node at addr (host:port). It connects when
// it is first used.
func NewClient(addr string) *Client { return &Client{addr: addr} }

// Do sends one request and waits for the answer, at most timeout. Every error
// is an *Error. A get that failed is always definite: what was not answered
// was not read.
func (c *Client) Do(req Request, timeout time.Duration) (Reply, error) {
	var reply Reply
	body, err := json.Marshal(req)
	if err != nil {
		return Reply{}, &Error{Code: BadRequest, Message: err.Error(), Definite: true}
	}
	if e := c.exchange(http.MethodPost, PathKV, body, &reply, timeout); e != nil {
		e.Definite = e.Definite || req.Op == Get
		return Reply{}, e
	}
	return reply, nil
}

// Status asks the node what it knows of itself. Every error is an *Error.
func (c *Client) Status(timeout time.Duration) (Status, error) {
	var status Status
	if e := c.exchange(http.MethodGet, PathStatus, nil, &status, timeout); e != nil {
		e.Definite = true
		return Status{}, e
	}
	return status, nil
}

// Clock asks the node for its own time. Every error is an *Error.
func (c *Client) Clock(timeout time.Duration) (Clock, error) {
	var clock Clock
	if e := c.exchange(http.MethodGet, PathClock, nil, &clock, timeout); e != nil {
		e.Definite = true
		return Clock{}, e
	}
	return clock, nil
}

// Close closes the connection, if there is one. The client can be used again.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is lost: every answer was read or given up
		c.conn, c.reader = nil, nil
	}
}

// exchange sends one request and decodes its answer. After an error that is
// not the node's own word the connection is closed, so that a late answer
// cannot be taken for that to a later request.
func (c *Client) exchange(method, path string, body []byte, into any, timeout time.Duration) *Error {
	deadline := time.Now().Add(timeout)
	if err := c.connect(deadline); err != nil {
		c.Close()
		return &Error{Code: Unreachable, Message: err.Error(), Definite: true}
	}
	status, answer, err := c.roundTrip(method, path, body, deadline)
	if err == nil {
		err = decode(status, answer, into)
	}
	if err == nil {
		return nil
	}
	var said *Error
	if errors.As(err, &said) {
		return said
	}
	c.Close()
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return &Error{Code: Timeout, Message: fmt.Sprintf("no answer from %s within %s", c.addr, timeout)}
	}
	return &Error{Code: Broken, Message: err.Error()}
}

// connect makes sure of a connection on which a request was answered before
// and that the other side has not closed since.
func (c *Client) connect(deadline time.Time) error {
	if c.conn != nil && !quiet(c.conn) {
		c.Close()
	}
	proof := time.Now().Add(proofTimeout)
	if proof.After(deadline) {
		proof = deadline
	}
	if !time.Now().Before(proof) {
		return fmt.Errorf("no time left to reach %s", c.addr)
	}
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Deadline: proof}
	conn, err := dialer.Dial("tcp", c.addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	status, answer, err := c.roundTrip(http.MethodGet, PathHealth, nil, proof)
	if err != nil {
		return fmt.Errorf("prove the connection to %s: %w", c.addr, err)
	}
	if c.conn == nil || status != http.StatusOK || strings.TrimSpace(string(answer)) != "ok" {
		return fmt.Errorf("prove the connection to %s: health is %d %.40q", c.addr, status, answer)
	}
	return nil
}

// roundTrip writes one request and reads one answer.
func (c *Client) roundTrip(method, path string, body []byte, deadline time.Time) (int, []byte, error) {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return 0, nil, fmt.Errorf("set a deadline: %w", err)
	}
	req := http.Request{
		Method: method,
		URL:    &url.URL{Scheme: "http", Host: c.addr, Path: path},
		Host:   c.addr,
		Header: http.Header{"User-Agent": {"partita"}},
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	var out bytes.Buffer
	if err := req.Write(&out); err != nil {
		return 0, nil, fmt.Errorf("encode %s %s: %w", method, path, err)
	}
	// One write, so that a small request leaves in one packet.
	if _, err := c.conn.Write(out.Bytes()); err != nil {
		return 0, nil, fmt.Errorf("send %s %s: %w", method, path, err)
	}
	resp, err := http.ReadResponse(c.reader, &req)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if len(answer) > maxAnswer {
		return 0, nil, fmt.Errorf("the answer to %s %s has more than %d bytes", method, path, maxAnswer)
	}
	if resp.Close {
		c.Close()
	}
	return resp.StatusCode, answer, nil
}

// decode takes an answer as what was asked for or as the node's own *Error.
// Anything else is not a node's word, and so says nothing of the operation.
func decode(status int, answer []byte, into any) error {
	if status == http.StatusOK {
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("garbled answer %.40q: %w", answer, err)
		}
		return nil
	}
	var said Error
	if err := json.Unmarshal(answer, &said); err != nil || said.Code == "" {
		return fmt.Errorf("garbled answer with status %d: %.40q", status, answer)
	}
	return &said
}

// quiet says whether an idle connection is still open with nothing to read:
// it looks without waiting. A node that was killed since the last answer
// shows here, before an operation is sent to nobody.
func quiet(conn net.Conn) bool {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = control.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = err == syscall.EAGAIN
		return true
	})
	return open && err == nil
}
