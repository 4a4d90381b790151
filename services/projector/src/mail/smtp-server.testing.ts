/** Enough of SMTP for tests: every command is answered by what the test says. */
import { createServer } from 'node:net';
import type { Socket } from 'node:net';

export type SmtpAnswers = (line: string) => string;

export interface SmtpServer {
  readonly url: string;
  /** All lines of all clients. */
  readonly received: readonly string[];
  readonly stop: () => Promise<void>;
}

export async function startSmtpServer(answer: SmtpAnswers, port = 0): Promise<SmtpServer> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let reading = false;
    let rest = '';
    socket.write('220 test\r\n');
    socket.on('data', (chunk) => {
      const lines = `${rest}${chunk.toString()}`.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        received.push(line);
        const said = reading ? (line === '.' ? '250 taken' : undefined) : toCommand(line, answer);
        reading = said?.startsWith('354') ?? reading;
        if (said !== undefined) socket.write(`${said}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('listening gave no port');
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function toCommand(line: string, answer: SmtpAnswers): string {
  if (line === 'DATA') return '354 go on';
  if (line.startsWith('EHLO')) return '250-test\r\n250 AUTH PLAIN';
  return answer(line);
}
