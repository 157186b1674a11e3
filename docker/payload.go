package docker

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"partita/nemesis/wire"
)

// payload is what is copied into every container of a run: a tar archive of
// the binaries, read and packed once, without its end.
type payload struct{ binaries []byte }

// file is one entry of an archive; with no data it is a directory.
type file struct {
	name string
	mode int64
	data []byte
}

func (s Spec) payload() (payload, error) {
	agent, err := os.ReadFile(s.AgentBinary)
	if err != nil {
		return payload{}, fmt.Errorf("docker: agent binary: %w", err)
	}
	node, err := os.ReadFile(s.NodeBinary)
	if err != nil {
		return payload{}, fmt.Errorf("docker: node binary: %w", err)
	}
	packed, err := pack([]file{
		{"/partita/", 0o755, nil},
		{agentPath, 0o755, agent},
		{nodePath, 0o755, node},
		{"/partita/log/", 0o755, nil},
	}, false)
	return payload{packed}, err
}

// archive is the whole of what one node's container gets, for its root. The
// configuration holds the token, so only the agent's user may read it.
func (p payload) archive(config wire.Config) (io.Reader, error) {
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("docker: agent configuration: %w", err)
	}
	own, err := pack([]file{
		{"/etc/partita/", 0o700, nil},
		{configPath, 0o600, text},
	}, true)
	if err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(p.binaries), bytes.NewReader(own)), nil
}

// pack makes a tar archive, all of it root's. One without its end can be put
// in front of another.
func pack(files []file, end bool) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: strings.TrimPrefix(f.name, "/"), Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		if f.data == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("docker: pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("docker: pack %s: %w", f.name, err)
		}
	}
	finish := w.Flush
	if end {
		finish = w.Close
	}
	if err := finish(); err != nil {
		return nil, fmt.Errorf("docker: pack: %w", err)
	}
	return out.Bytes(), nil
}
