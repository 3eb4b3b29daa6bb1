// Where the two services are: the page's own server wrote it into the page.
function setting(name) {
  return document.querySelector(`meta[name="strongroom-${name}"]`).content;
}

export const config = Object.freeze({
  api: setting("api"),
  issuer: setting("issuer"),
  clientId: setting("client-id"),
  redirectUri: setting("redirect-uri"),
  team: setting("team"),
});
