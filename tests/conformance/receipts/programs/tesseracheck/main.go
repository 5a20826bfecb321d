// Command tesseracheck runs Tessera's fsck over a tile directory and says so with its exit code,
// which Tessera's own command doesn't:
//
//	tesseracheck LOG VKEY
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

const patience = 15 * time.Second

func main() {
	result := make(chan error, 1)
	go func() { result <- check(os.Args[1], os.Args[2]) }()
	var err error
	select {
	case err = <-result:
	case <-time.After(patience):
		// It waits for ever for workers that gave up on a bad resource.
		err = errors.New("no verdict")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func check(log, vkey string) error {
	verifier, err := f_note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	source := &client.FileFetcher{Root: log}
	return fsck.New(verifier.Name(), verifier, source, leaves, fsck.Opts{N: 2}).Check(context.Background())
}

func leaves(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
