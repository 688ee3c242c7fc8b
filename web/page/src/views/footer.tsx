import { usePage } from './page';

/** What the law wants within reach. */
export function Footer() {
  const { configuration, texts } = usePage();
  const { privacy, imprint } = configuration.links;
  return (
    <footer class="bottom">
      {privacy && <OutsideLink href={privacy}>{texts('page.privacy')}</OutsideLink>}
      {imprint && <OutsideLink href={imprint}>{texts('page.imprint')}</OutsideLink>}
    </footer>
  );
}

/** Beside the page: a call is not to end with a click on it. */
export function OutsideLink({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}
