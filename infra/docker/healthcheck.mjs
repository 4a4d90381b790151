/** Exit status 0: the process in this container is ready. Says why not, for `docker inspect`. */
const { HEALTH_PORT, PORT = '8080' } = process.env;

const answer = await fetch(`http://127.0.0.1:${HEALTH_PORT ?? PORT}/readyz`, { signal: AbortSignal.timeout(2_000) });
process.stdout.write(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
