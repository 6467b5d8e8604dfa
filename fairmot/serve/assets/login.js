// Exchanges the token for a cookie. A link may carry the token after "#", which browsers do not send to servers.

const field = document.getElementById("token"), wrong = document.getElementById("wrong");

async function enter(token) {
  const answer = await fetch("/login", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }),
  });
  if (answer.ok) { location.replace("/"); return; }
  wrong.textContent = answer.status === 401 ? "Wrong token." : `The server refused the request (${answer.status}).`;
  wrong.hidden = false;
  field.select();
}

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(field.value.trim());
});
const linked = new URLSearchParams(location.hash.slice(1)).get("token");
if (linked) { history.replaceState(null, "", "/login"); enter(linked); }
