/** What express itself costs: one route, one answer, nothing behind it. Prints where it listens. */
import { createServer } from 'node:http';

import express from 'express';

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.get('/images', (_request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify([{ id: '9e89cc6f0bc3', checksum: '' }]));
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`);
});
