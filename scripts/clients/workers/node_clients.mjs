// One of Node's clients: reads jobs from stdin, a JSON object a line, and answers each with what the client said.
//
// node_clients.mjs CLIENT CERTIFICATE. Each job has an agent of its own, so that its connection is fresh unless `warm` names
// something to be asked first. `fetch` has one pool for the whole process, and is started again for each job.

import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import readline from "node:readline";

const TIMEOUT_MS = 4000;
const [client, certificate] = process.argv.slice(2);

const secure = (job) => job.url.startsWith("https:");
const agentOf = (job) => {
  const options = { keepAlive: true, ca: certificate ? fs.readFileSync(certificate) : undefined };
  return secure(job) ? new https.Agent(options) : new http.Agent(options);
};
const pause = (job) => new Promise((resolve) => setTimeout(resolve, job.pause_s * 1000));
const lengthOf = (job) => fs.statSync(job.file).size;

async function useFetch(job, body) {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (job.warm) {
    await (await fetch(job.warm, { method: job.warm_method })).arrayBuffer();
    await pause(job);
  }
  if (job.method === "put") Object.assign(options, { method: "PUT" }, body());
  const answer = await fetch(job.url, options);
  return [answer.status, Buffer.from(await answer.arrayBuffer())];
}

const useFetchBuffer = (job) => useFetch(job, () => ({ body: fs.readFileSync(job.file) }));

const useFetchStream = (job) =>
  useFetch(job, () => ({
    body: fs.createReadStream(job.file),
    duplex: "half",
    headers: { "content-length": String(lengthOf(job)) },
  }));

async function useAxios(job) {
  const { default: axios } = await import("axios");
  const agent = agentOf(job);
  const options = { httpAgent: agent, httpsAgent: agent, timeout: TIMEOUT_MS, maxBodyLength: Infinity };
  if (job.warm) {
    await axios.request({ ...options, url: job.warm, method: job.warm_method });
    await pause(job);
  }
  try {
    const answer =
      job.method === "get"
        ? await axios.get(job.url, { ...options, responseType: "arraybuffer" })
        : await axios.put(job.url, fs.createReadStream(job.file), {
            ...options,
            headers: { "content-length": lengthOf(job) },
          });
    return [answer.status, Buffer.from("")];
  } catch (error) {
    // One that broke off has an answer, too.
    if (error.response?.status >= 300) return [error.response.status, Buffer.from(error.response.data ?? "")];
    throw error;
  } finally {
    agent.destroy();
  }
}

async function useGot(job) {
  const { default: got } = await import("got");
  const agent = agentOf(job);
  const options = { agent: { http: agent, https: agent }, timeout: { request: TIMEOUT_MS }, throwHttpErrors: false };
  if (certificate) options.https = { certificateAuthority: fs.readFileSync(certificate) };
  if (job.warm) {
    await got(job.warm, { ...options, method: job.warm_method });
    await pause(job);
  }
  const body = { body: fs.createReadStream(job.file), headers: { "content-length": String(lengthOf(job)) } };
  try {
    const answer = await (job.method === "get" ? got.get(job.url, options) : got.put(job.url, { ...options, ...body }));
    return [answer.statusCode, answer.rawBody];
  } finally {
    agent.destroy();
  }
}

function request(job, url, method, agent) {
  return new Promise((resolve, reject) => {
    const headers = method === "PUT" ? { "content-length": lengthOf(job) } : {};
    const { request } = secure(job) ? https : http;
    const sent = request(url, { method, agent, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve([answer.statusCode, Buffer.concat(pieces)]));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    if (method === "PUT") fs.createReadStream(job.file).pipe(sent);
    else sent.end();
  });
}

async function useHttp(job) {
  const agent = agentOf(job);
  try {
    if (job.warm) {
      await request(job, job.warm, job.warm_method, agent);
      await pause(job);
    }
    return await request(job, job.url, job.method.toUpperCase(), agent);
  } finally {
    agent.destroy();
  }
}

async function useSdk(job) {
  const { S3Client, PutObjectCommand, GetObjectCommand, HeadObjectCommand } = await import("@aws-sdk/client-s3");
  const agent = agentOf(job);
  const s3 = new S3Client({
    endpoint: job.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: job.access_key, secretAccessKey: job.secret_key },
    requestHandler: { httpAgent: agent, httpsAgent: agent, requestTimeout: TIMEOUT_MS, throwOnRequestTimeout: true },
  });
  const place = { Bucket: job.bucket, Key: job.key };
  try {
    if (job.warm) {
      const Warm = job.warm_method === "HEAD" ? HeadObjectCommand : GetObjectCommand;
      const warm = await s3.send(new Warm({ Bucket: job.bucket, Key: job.warm_key }));
      await warm.Body?.transformToByteArray();
      await pause(job);
    }
    if (job.method === "get") {
      const answer = await s3.send(new GetObjectCommand(place));
      await answer.Body.transformToByteArray();
      return [200, Buffer.from("")];
    }
    const body = { Body: fs.createReadStream(job.file), ContentLength: lengthOf(job) };
    const answer = await s3.send(new PutObjectCommand({ ...place, ...body }));
    return [answer.$metadata.httpStatusCode, Buffer.from("")];
  } finally {
    s3.destroy();
    agent.destroy();
  }
}

const CLIENTS = {
  "fetch-buffer": useFetchBuffer,
  "fetch-stream": useFetchStream,
  axios: useAxios,
  got: useGot,
  http: useHttp,
  "aws-sdk-js": useSdk,
};

// As Node prints an error that nobody caught, without the places in the code.
function told(error) {
  const code = error.code && !String(error.message).includes(error.code) ? ` { code: '${error.code}' }` : "";
  const message = error.message ? `: ${error.message}` : "";
  const cause = error.cause instanceof Error ? ` [cause]: ${told(error.cause)}` : "";
  return `${error.name}${message}${code}${cause}`;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  let answer;
  try {
    const [status, body] = await CLIENTS[client](job);
    answer = { status, body: status >= 300 ? body.toString("utf8").slice(0, 2000) : "", error: "" };
  } catch (error) {
    answer = { status: error.$metadata?.httpStatusCode ?? 0, body: "", error: told(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
