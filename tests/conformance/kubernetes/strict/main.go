// Strict decodes Kubernetes manifests from standard input into the types of k8s.io/api: a member
// that a type doesn't have, or has twice, is an error. It prints each object's kind and name.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() metav1.Object{
	"v1/Namespace":                       func() metav1.Object { return &corev1.Namespace{} },
	"v1/ServiceAccount":                  func() metav1.Object { return &corev1.ServiceAccount{} },
	"v1/ConfigMap":                       func() metav1.Object { return &corev1.ConfigMap{} },
	"v1/Secret":                          func() metav1.Object { return &corev1.Secret{} },
	"v1/Service":                         func() metav1.Object { return &corev1.Service{} },
	"v1/PersistentVolumeClaim":           func() metav1.Object { return &corev1.PersistentVolumeClaim{} },
	"apps/v1/Deployment":                 func() metav1.Object { return &appsv1.Deployment{} },
	"networking.k8s.io/v1/NetworkPolicy": func() metav1.Object { return &networkingv1.NetworkPolicy{} },
	"policy/v1/PodDisruptionBudget":      func() metav1.Object { return &policyv1.PodDisruptionBudget{} },
}

func main() {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			return
		}
		if err == nil {
			err = decode(document)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func decode(document []byte) error {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return err
	}
	kind := meta.APIVersion + "/" + meta.Kind
	known, found := kinds[kind]
	if !found {
		return fmt.Errorf("expected a kind that is known here, found %q", kind)
	}
	object := known()
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	// As the API server: letter case counts, which it doesn't in Go's own decoder.
	strict, err := kubejson.UnmarshalStrict(text, object)
	if err = errors.Join(append(strict, err)...); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if object.GetName() == "" {
		return fmt.Errorf("%s: it has no name", kind)
	}
	fmt.Println(kind, object.GetName())
	return nil
}
