/** Exit status 0: the process in this container is ready. Says why not, for `docker inspect`. */
const { HOST = '127.0.0.1', HEALTH_PORT, PORT = '8080' } = process.env;

/** A process that listens on every address answers on the one of loopback. */
const everyAddress = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const address = everyAddress[HOST] ?? HOST;
const host = address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;

const answer = await fetch(`http://${host}:${HEALTH_PORT ?? PORT}/readyz`, { signal: AbortSignal.timeout(2_000) });
process.stdout.write(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
