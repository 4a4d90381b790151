import { createServer } from 'node:net';

/** Free at this address a moment ago; who takes it must still expect to find it taken. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('listening on a port gave no port'));
      });
    });
  });
}
