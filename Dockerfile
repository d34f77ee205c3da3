# A collector in a container. It runs the configuration mounted at /etc/teleferric/config.yaml:
#
#   docker build -t teleferric .
#   docker run -p 4317:4317 -p 4318:4318 -v ./collector.yaml:/etc/teleferric/config.yaml:ro teleferric
#
# Receivers must listen on 0.0.0.0 in it to be reached from outside the container.

FROM node:24-bookworm AS build
COPY --from=rust:1-bookworm /usr/local/cargo /usr/local/cargo
COPY --from=rust:1-bookworm /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
WORKDIR /build
COPY . .
RUN npm run setup && npm prune --omit=dev

FROM node:24-bookworm-slim
WORKDIR /opt/teleferric
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
COPY --from=build /build/schema schema
COPY --from=build /build/native/teleferric.node native/teleferric.node
COPY --from=build /build/node_modules node_modules
USER node
EXPOSE 4317 4318 8888 13133
ENTRYPOINT ["node", "/opt/teleferric/bin/teleferric.js"]
CMD ["--config", "/etc/teleferric/config.yaml"]
