// Command tlogcheck verifies a tile directory with golang.org/x/mod/sumdb and nothing of ours:
//
//	tlogcheck LOG VKEY PROOF ENTRY
//
// It opens the checkpoint as a signed note, reads every hash through tiles that it authenticates
// against the checkpoint's root, compares every entry with its hash, and checks a .tlog-proof.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type directory string

func (d directory) Height() int { return height }

// ReadTiles reads tiles by the paths of tlog-tiles, which leave the height out.
func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		raw, err := os.ReadFile(d.path(tile))
		if err != nil {
			return nil, err
		}
		data[i] = raw
	}
	return data, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) path(tile tlog.Tile) string {
	name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
	return filepath.Join(string(d), name)
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(log, vkey, proofFile, entryFile string) error {
	raw, err := os.ReadFile(filepath.Join(log, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(raw, vkey)
	if err != nil {
		return err
	}
	if err := checkEntries(directory(log), tree); err != nil {
		return err
	}
	return checkProof(proofFile, entryFile, vkey)
}

func openCheckpoint(raw []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("unexpected checkpoint %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func checkEntries(log directory, tree tlog.Tree) error {
	reader := tlog.TileHashReader(tree, log)
	for bundle := int64(0); bundle*256 < tree.N; bundle++ {
		width := min(256, tree.N-bundle*256)
		tile := tlog.Tile{H: height, L: -1, N: bundle, W: int(width)}
		name := strings.Replace(log.path(tile), "/tile/data/", "/tile/entries/", 1)
		entries, err := readBundle(name)
		if err != nil {
			return err
		}
		if int64(len(entries)) != width {
			return fmt.Errorf("%s: %d entries instead of %d", name, len(entries), width)
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, bundle*256+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, hash := range hashes {
			if tlog.RecordHash(entries[i]) != hash {
				return fmt.Errorf("%s: entry %d isn't the one in the tree", name, i)
			}
		}
	}
	return nil
}

func readBundle(name string) ([][]byte, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(raw) > 0 {
		if len(raw) < 2 || len(raw) < 2+int(binary.BigEndian.Uint16(raw)) {
			return nil, fmt.Errorf("%s is cut off", name)
		}
		size := int(binary.BigEndian.Uint16(raw))
		entries = append(entries, raw[2:2+size])
		raw = raw[2+size:]
	}
	return entries, nil
}

func checkProof(proofFile, entryFile, vkey string) error {
	raw, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	head, checkpoint, _ := bytes.Cut(raw, []byte("\n\n"))
	tree, err := openCheckpoint(checkpoint, vkey)
	if err != nil {
		return err
	}
	lines := strings.Split(string(head), "\n")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("unexpected proof %q", head)
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		proof = append(proof, tlog.Hash(hash))
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}
