// Verifies a Sigstore bundle with @sigstore/verify, and nothing of ours:
//
//   node check_bundle.mjs MODULES BUNDLE TRUSTED_ROOT PUBLIC_KEY_PEM LOG_ENTRIES
//
// LOG_ENTRIES is how many log entries the bundle must prove: 0 or 1.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createPublicKey } from "node:crypto";

const [modules, bundleFile, rootFile, keyFile, threshold] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { toSignedEntity, toTrustMaterial, Verifier } = require("@sigstore/verify");

const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile, "utf8")));
const root = TrustedRoot.fromJSON(JSON.parse(readFileSync(rootFile, "utf8")));
const key = createPublicKey(readFileSync(keyFile)).export({ type: "spki", format: "der" });
const hint = bundle.verificationMaterial.content.publicKey.hint;
const keys = { [hint]: { rawBytes: key, validFor: { start: new Date(0) } } };
const options = { tlogThreshold: Number(threshold), ctlogThreshold: 0, timestampThreshold: 0 };
new Verifier(toTrustMaterial(root, keys), options).verify(toSignedEntity(bundle));
console.log("ok");
