package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"partita/raft/core"
)

// A hello, the first bytes of every connection, little-endian:
//
//	0         4         6        7      8         16     24   32      36
//	+---------+---------+--------+------+---------+------+----+-------+
//	| "PTRT"  | version | stream | zero | cluster | from | to | crc32c|
//	+---------+---------+--------+------+---------+------+----+-------+
//
// and each frame after it, the CRC covering length and payload:
//
//	0        4        8
//	+--------+--------+---------------------------------+
//	| length | crc32c | payload: one envelope (codec.go)|
//	+--------+--------+---------------------------------+
const (
	magic          = "PTRT"
	version        = 2
	helloBytes     = 36
	frameHeadBytes = 8

	// firstRead is how much is allocated for a frame on the word of its
	// header alone; beyond it memory grows only as bytes arrive.
	firstRead = 64 << 10
)

// stream says what a connection carries.
type stream byte

const (
	ordinaryStream stream = 0
	chunkStream    stream = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Errors of frames and hellos: why a connection was refused.
var (
	errHello    = errors.New("transport: bad hello")
	errTooLong  = errors.New("transport: frame too long")
	errChecksum = errors.New("transport: frame with a wrong checksum")
)

// hello is what a dialler says first.
type hello struct {
	stream   stream
	cluster  uint64
	from, to core.NodeID
}

func (h hello) encode() []byte {
	b := make([]byte, 0, helloBytes)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = append(b, byte(h.stream), 0)
	b = put64(b, h.cluster, uint64(h.from), uint64(h.to))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readHello reads and checks what does not depend on the listener.
func readHello(r io.Reader) (hello, error) {
	b := make([]byte, helloBytes)
	if _, err := io.ReadFull(r, b); err != nil {
		return hello{}, fmt.Errorf("%w: %w", errHello, err)
	}
	body, sum := b[:helloBytes-4], binary.LittleEndian.Uint32(b[helloBytes-4:])
	switch {
	case string(b[:4]) != magic:
		return hello{}, fmt.Errorf("%w: it begins with %q", errHello, b[:4])
	case binary.LittleEndian.Uint16(b[4:]) != version:
		return hello{}, fmt.Errorf("%w: version %d, want %d", errHello, binary.LittleEndian.Uint16(b[4:]), version)
	case crc32.Checksum(body, castagnoli) != sum:
		return hello{}, fmt.Errorf("%w: wrong checksum", errHello)
	case stream(b[6]) > chunkStream || b[7] != 0:
		return hello{}, fmt.Errorf("%w: stream %d", errHello, b[6])
	}
	return hello{
		stream:  stream(b[6]),
		cluster: binary.LittleEndian.Uint64(b[8:]),
		from:    core.NodeID(binary.LittleEndian.Uint64(b[16:])),
		to:      core.NodeID(binary.LittleEndian.Uint64(b[24:])),
	}, nil
}

// appendFrame appends an envelope as a frame to dst. A payload longer than
// limit is not appended.
func appendFrame(dst []byte, e core.Envelope, limit int) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, frameHeadBytes)...)
	dst = Encode(dst, e)
	frame := dst[start:]
	length := len(frame) - frameHeadBytes
	if length > limit {
		return dst[:start], fmt.Errorf("%w: %T of %d bytes, the limit is %d", errTooLong, e.Message, length, limit)
	}
	binary.LittleEndian.PutUint32(frame, uint32(length))
	binary.LittleEndian.PutUint32(frame[4:], frameChecksum(frame[:4], frame[frameHeadBytes:]))
	return dst, nil
}

func frameChecksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// readFrame reads one frame and returns its payload, freshly allocated.
// Before each part of the payload it calls progress, which may move a
// deadline. io.EOF alone means that the stream ended between frames.
func readFrame(r io.Reader, limit int, progress func() error) ([]byte, error) {
	head := make([]byte, frameHeadBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("transport: read a frame's header: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(head))
	if length > int64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", errTooLong, length, limit)
	}
	payload, err := readGrowing(r, int(length), progress)
	if err != nil {
		return nil, fmt.Errorf("transport: read a frame of %d bytes: %w", length, err)
	}
	if frameChecksum(head[:4], payload) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errChecksum
	}
	return payload, nil
}

// readGrowing reads length bytes and never holds more than twice what has
// arrived, but for the first firstRead bytes.
func readGrowing(r io.Reader, length int, progress func() error) ([]byte, error) {
	payload := make([]byte, min(length, firstRead))
	for done := 0; ; {
		if err := progress(); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(r, payload[done:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		done = len(payload)
		if done == length {
			return payload, nil
		}
		grown := make([]byte, min(length, 2*done))
		copy(grown, payload)
		payload = grown
	}
}
