// The receiving side: a gRPC server with @grpc/grpc-js, or an HTTP/1.1 server on node:http. Both hand a decoded request
// to `handle` and answer when its promise is settled.
import http from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { requestFromJson } from './otlp.mjs';

const gunzip = promisify(zlib.gunzip);
const emptyResponse = Buffer.alloc(0);
const messageBytesMax = 32 * 1024 * 1024;

export async function serveGrpc(otlp, listen, handle) {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': messageBytesMax });
  const definition = {
    Export: {
      path: otlp.grpcPath,
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes) => otlp.request.decode(bytes),
      responseSerialize: () => emptyResponse,
    },
  };
  server.addService(definition, {
    Export: (call, callback) => {
      handle(call.request).then(
        () => callback(null, {}),
        (error) => callback({ code: grpc.status.UNAVAILABLE, details: error.message }),
      );
    },
  });
  await promisify(server.bindAsync).call(server, listen, grpc.ServerCredentials.createInsecure());
  return () => server.forceShutdown();
}

export async function serveHttp(otlp, listen, handle) {
  const server = http.createServer((request, response) => {
    receive(otlp, request)
      .then(handle)
      .then(
        () => answer(response, 200),
        (error) => answer(response, error.statusCode ?? 503),
      );
  });
  const [host, port] = listen.split(':');
  await new Promise((resolve) => server.listen(Number(port), host, 4096, resolve));
  return () => server.closeAllConnections();
}

async function receive(otlp, request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.url !== otlp.httpPath) throw Object.assign(new Error('no such path'), { statusCode: 404 });
  let body = Buffer.concat(chunks);
  try {
    if (request.headers['content-encoding'] === 'gzip') body = await gunzip(body, { maxOutputLength: messageBytesMax });
    const isJson = request.headers['content-type'] === 'application/json';
    return isJson ? requestFromJson(otlp, body.toString()) : otlp.request.decode(body);
  } catch (error) {
    throw Object.assign(error, { statusCode: 400 });
  }
}

function answer(response, statusCode) {
  response.writeHead(statusCode, { 'content-type': 'application/x-protobuf', 'content-length': 0 });
  response.end();
}
