// Scripts for pages of tests, by the page's own esbuild.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PAGE = fileURLToPath(new URL('../../web/page/', import.meta.url));
const { build } = await import(pathToFileURL(createRequire(`${PAGE}package.json`).resolve('esbuild')));

/** One script with all that it imports. */
export async function bundle(options) {
  const { outputFiles } = await build({
    bundle: true,
    format: 'iife',
    write: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    ...options,
  });
  return outputFiles[0].text;
}

/** LiveKit's client, as `window.livekit`: the one that the page has. */
export function bundleClient() {
  return bundle({ stdin: { contents: "export * from 'livekit-client'", resolveDir: PAGE }, globalName: 'livekit' });
}

/** A page on the machine itself: browsers give it what they give secure ones. */
export async function serve(script = '', port = 0) {
  const server = createServer(({ url }, answer) => {
    if (url === '/page.js') return answer.setHeader('content-type', 'text/javascript').end(script);
    answer.setHeader('content-type', 'text/html').end('<!doctype html><title>A page</title><script src="page.js" defer></script>');
  }).unref();
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}/`;
}
