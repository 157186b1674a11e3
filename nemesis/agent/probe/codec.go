package probe

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"partita/nemesis/wire"
)

// ErrDatagram says that a datagram is not a probe.
var ErrDatagram = errors.New("probe: not a probe")

// A datagram, numbers big endian, the checksum (CRC-32C) over all before it:
//
//	0     4        12       20      21        21+n       25+n
//	+-----+--------+--------+-------+----------+----------+
//	|"PPB1"| number | at, ns |   n   |  sender  | checksum |
//	+-----+--------+--------+-------+----------+----------+
const (
	magic      = "PPB1"
	headerSize = 21
	sumSize    = 4
	maxSize    = headerSize + 255 + sumSize
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// encode makes a datagram; the sender's name has at most 255 bytes.
func encode(sender string, p wire.Probe) []byte {
	b := make([]byte, 0, headerSize+len(sender)+sumSize)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, p.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(p.At))
	b = append(b, byte(len(sender)))
	b = append(b, sender...)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// decode reads a datagram.
func decode(b []byte) (sender string, p wire.Probe, err error) {
	if len(b) < headerSize+sumSize || string(b[:len(magic)]) != magic || len(b) != headerSize+int(b[headerSize-1])+sumSize {
		return "", wire.Probe{}, ErrDatagram
	}
	body, sum := b[:len(b)-sumSize], binary.BigEndian.Uint32(b[len(b)-sumSize:])
	if checksum(body) != sum {
		return "", wire.Probe{}, ErrDatagram
	}
	p.Number = binary.BigEndian.Uint64(body[4:])
	p.At = int64(binary.BigEndian.Uint64(body[12:]))
	return string(body[headerSize:]), p, nil
}
