// The sending side: encodes a request and sends it to the next hop, over gRPC with @grpc/grpc-js or over HTTP/1.1 with
// node:http. The promise settles with the next hop's answer.
import http from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import grpc from '@grpc/grpc-js';

const gzip = promisify(zlib.gzip);
const gzipLevel = 1;
const timeoutMs = 5000;

/** Nothing in the answer is of interest. */
const ignore = () => undefined;

export function grpcClient(otlp, next, compression) {
  const options = { 'grpc.max_send_message_length': -1 };
  if (compression === 'gzip') options['grpc.default_compression_algorithm'] = grpc.compressionAlgorithms.gzip;
  const client = new grpc.Client(next, grpc.credentials.createInsecure(), options);
  const serialize = (request) => otlp.request.encode(request).finish();
  return (request) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      client.makeUnaryRequest(otlp.grpcPath, serialize, ignore, request, { deadline }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
}

export function httpClient(otlp, next, compression) {
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 1024 });
  const [host, port] = next.split(':');
  const headers = { 'content-type': 'application/x-protobuf' };
  if (compression === 'gzip') headers['content-encoding'] = 'gzip';
  return async (request) => {
    let body = otlp.request.encode(request).finish();
    if (compression === 'gzip') body = await gzip(body, { level: gzipLevel });
    await post({ host, port, path: otlp.httpPath, method: 'POST', agent, timeout: timeoutMs, headers }, body);
  };
}

function post(options, body) {
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, 'content-length': body.length };
    const request = http.request({ ...options, headers }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`next hop answered ${response.statusCode}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error('next hop timed out')));
    request.on('error', reject);
    request.end(body);
  });
}
