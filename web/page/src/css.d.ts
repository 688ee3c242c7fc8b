/** The style of the button, as text. */
declare module '*.css' {
  const text: string;
  export default text;
}
