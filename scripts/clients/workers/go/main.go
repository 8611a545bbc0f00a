// Go's net/http: reads jobs from stdin, a JSON object a line, and answers each with what the client said.
//
// main CERTIFICATE. Each job has a transport of its own, so that its connection is fresh unless `warm` names something to be
// asked first.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type job struct {
	Method, URL, Warm, File string
	WarmMethod              string  `json:"warm_method"`
	PauseS                  float64 `json:"pause_s"`
}

type answer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	Error  string `json:"error"`
}

func transfer(job job, roots *x509.CertPool) (int, string, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 4 * time.Second}
	if job.Warm != "" {
		request, err := http.NewRequest(job.WarmMethod, job.Warm, nil)
		if err != nil {
			return 0, "", err
		}
		answer, err := client.Do(request)
		if err != nil {
			return 0, "", err
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		time.Sleep(time.Duration(job.PauseS * float64(time.Second)))
	}
	var body io.Reader
	var length int64
	if job.Method == "put" {
		file, err := os.Open(job.File)
		if err != nil {
			return 0, "", err
		}
		defer file.Close()
		about, err := file.Stat()
		if err != nil {
			return 0, "", err
		}
		body, length = file, about.Size()
	}
	request, err := http.NewRequest(strings.ToUpper(job.Method), job.URL, body)
	if err != nil {
		return 0, "", err
	}
	request.ContentLength = length
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if answer.StatusCode < 300 {
		read = nil
	}
	return answer.StatusCode, string(read), err
}

func main() {
	var roots *x509.CertPool
	if certificate, err := os.ReadFile(os.Args[1]); err == nil {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(certificate)
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var job job
		if err := json.Unmarshal(lines.Bytes(), &job); err != nil {
			panic(err)
		}
		status, body, err := transfer(job, roots)
		told := answer{Status: status, Body: body}
		if err != nil {
			told.Error = err.Error()
		}
		out.Encode(told)
	}
}
