// Drives s3crypto of the AWS SDK for Go v1: jobs on standard input, results on standard output, both one JSON object
// a line (tests/interop/jobs.py says what the fields mean).
//
// Modes: "V1-GCM" and "V1-CBC" write with EncryptionClient and read with DecryptionClient; "V2" and "V2+legacy" write
// with EncryptionClientV2 and read with DecryptionClientV2, which opens old wraps and CBC bodies only with "+legacy".
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/endpoints"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/kms"
	"github.com/aws/aws-sdk-go/service/s3"
	"github.com/aws/aws-sdk-go/service/s3/s3crypto"
)

type job struct {
	ID      string `json:"id"`
	Op      string `json:"op"`
	Mode    string `json:"mode"`
	Keyring struct {
		ID string `json:"id"`
	} `json:"keyring"`
	Storage string            `json:"storage"`
	Context map[string]string `json:"context"`
	Bucket  string            `json:"bucket"`
	Key     string            `json:"key"`
	Body    string            `json:"body"`
}

type result struct {
	ID     string `json:"id"`
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Length *int   `json:"length,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

type driver struct {
	session *session.Session
	s3      *s3.S3
	kms     *kms.KMS
}

type putter interface {
	PutObject(*s3.PutObjectInput) (*s3.PutObjectOutput, error)
}

type getter interface {
	GetObject(*s3.GetObjectInput) (*s3.GetObjectOutput, error)
}

func (d driver) saveStrategy(j job) s3crypto.SaveStrategy {
	if j.Storage == "instruction-file" {
		return s3crypto.S3SaveStrategy{Client: d.s3}
	}
	return s3crypto.HeaderV2SaveStrategy{}
}

func (d driver) encryptionClient(j job) (putter, error) {
	description := s3crypto.MaterialDescription{}
	for name := range j.Context {
		description[name] = aws.String(j.Context[name])
	}
	if j.Mode == "V1-GCM" || j.Mode == "V1-CBC" {
		generator := s3crypto.NewKMSKeyGeneratorWithMatDesc(d.kms, j.Keyring.ID, description)
		builder := s3crypto.AESGCMContentCipherBuilder(generator)
		if j.Mode == "V1-CBC" {
			builder = s3crypto.AESCBCContentCipherBuilder(generator, s3crypto.AESCBCPadder)
		}
		return s3crypto.NewEncryptionClient(d.session, builder, func(c *s3crypto.EncryptionClient) {
			c.S3Client = d.s3
			c.SaveStrategy = d.saveStrategy(j)
		}), nil
	}
	generator := s3crypto.NewKMSContextKeyGenerator(d.kms, j.Keyring.ID, description)
	builder := s3crypto.AESGCMContentCipherBuilderV2(generator)
	return s3crypto.NewEncryptionClientV2(d.session, builder, func(o *s3crypto.EncryptionClientOptions) {
		o.S3Client = d.s3
		o.SaveStrategy = d.saveStrategy(j)
	})
}

func (d driver) decryptionClient(j job) (getter, error) {
	if j.Mode == "V1-GCM" || j.Mode == "V1-CBC" {
		return s3crypto.NewDecryptionClient(d.session, func(c *s3crypto.DecryptionClient) {
			c.S3Client = d.s3
			c.WrapRegistry[s3crypto.KMSWrap] = s3crypto.NewKMSWrapEntry(d.kms)
		}), nil
	}
	registry := s3crypto.NewCryptoRegistry()
	registrations := []error{
		s3crypto.RegisterAESGCMContentCipher(registry),
		s3crypto.RegisterKMSContextWrapWithCMK(registry, d.kms, j.Keyring.ID),
	}
	if j.Mode == "V2+legacy" {
		registrations = append(registrations,
			s3crypto.RegisterAESCBCContentCipher(registry, s3crypto.AESCBCPadder),
			s3crypto.RegisterKMSWrapWithCMK(registry, d.kms, j.Keyring.ID))
	}
	for _, err := range registrations {
		if err != nil {
			return nil, err
		}
	}
	return s3crypto.NewDecryptionClientV2(d.session, registry, func(o *s3crypto.DecryptionClientOptions) {
		o.S3Client = d.s3
	})
}

func (d driver) put(j job) error {
	body, err := os.ReadFile(j.Body)
	if err != nil {
		return err
	}
	client, err := d.encryptionClient(j)
	if err != nil {
		return err
	}
	_, err = client.PutObject(&s3.PutObjectInput{Bucket: &j.Bucket, Key: &j.Key, Body: bytes.NewReader(body)})
	return err
}

func (d driver) get(j job) ([]byte, error) {
	client, err := d.decryptionClient(j)
	if err != nil {
		return nil, err
	}
	object, err := client.GetObject(&s3.GetObjectInput{Bucket: &j.Bucket, Key: &j.Key})
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	return io.ReadAll(object.Body)
}

func (d driver) run(j job) result {
	var body []byte
	var err error
	switch j.Op {
	case "put":
		err = d.put(j)
	case "get":
		body, err = d.get(j)
	default:
		err = fmt.Errorf("this client has no %s", j.Op)
	}
	if err != nil {
		return result{ID: j.ID, Error: err.Error()}
	}
	if j.Op == "put" {
		return result{ID: j.ID, OK: true}
	}
	length, digest := len(body), sha256.Sum256(body)
	return result{ID: j.ID, OK: true, Length: &length, SHA256: hex.EncodeToString(digest[:])}
}

func main() {
	// In the session, because s3crypto fetches instruction files with an S3 client that it makes from it.
	urls := map[string]string{s3.EndpointsID: os.Getenv("AWS_ENDPOINT_URL_S3"), kms.EndpointsID: os.Getenv("AWS_ENDPOINT_URL_KMS")}
	resolve := func(service, region string, _ ...func(*endpoints.Options)) (endpoints.ResolvedEndpoint, error) {
		return endpoints.ResolvedEndpoint{URL: urls[service], SigningRegion: region}, nil
	}
	shared := session.Must(session.NewSession(
		aws.NewConfig().WithEndpointResolver(endpoints.ResolverFunc(resolve)).WithS3ForcePathStyle(true)))
	d := driver{session: shared, s3: s3.New(shared), kms: kms.New(shared)}
	results := json.NewEncoder(os.Stdout)
	jobs := bufio.NewScanner(os.Stdin)
	jobs.Buffer(nil, 1<<20)
	for jobs.Scan() {
		var j job
		if err := json.Unmarshal(jobs.Bytes(), &j); err != nil {
			panic(err)
		}
		if err := results.Encode(d.run(j)); err != nil {
			panic(err)
		}
	}
	if err := jobs.Err(); err != nil {
		panic(err)
	}
}
