// Command sigstorecheck verifies a Sigstore bundle with sigstore-go, under one key that the caller
// names:
//
//	sigstorecheck BUNDLE PUBLIC_KEY_PEM [TRUSTED_ROOT]
//
// The key has no certificate and no validity period. With a trusted root, the bundle must prove an
// entry in one of its logs; without, the envelope alone is verified.
package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

func main() {
	if err := check(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func check(file, keyFile string, roots []string) error {
	entity, err := bundle.LoadJSONFromPath(file)
	if err != nil {
		return err
	}
	key, err := load(keyFile)
	if err != nil {
		return err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return err
	}
	trusted := root.TrustedMaterialCollection{root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return root.NewExpiringKey(verifier, time.Time{}, time.Time{}), nil
	})}
	options := []verify.VerifierOption{verify.WithNoObserverTimestamps()}
	for _, name := range roots {
		logs, err := root.NewTrustedRootFromPath(name)
		if err != nil {
			return err
		}
		trusted = append(trusted, logs)
		options = append(options, verify.WithTransparencyLog(1))
	}
	checker, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return err
	}
	_, err = checker.Verify(entity, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithKey()))
	return err
}

func load(file string) (crypto.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
