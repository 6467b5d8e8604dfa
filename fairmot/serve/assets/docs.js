// Renders openapi.json: every route with its parameters, its responses and a curl command.

import { byId, element } from "/assets/format.js";

const spec = await (await fetch("/api/openapi.json")).json();

function named(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(named).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.type === "array") return `list of ${named(schema.items)}`;
  return schema.format ?? schema.type ?? "";
}

// A description, with its `code` marked up.
function prose(text) {
  return element("p", {}, ...text.split("`").map((part, place) => place % 2 ? element("code", {}, part) : part));
}

function rows(entries) {
  return element("div", { class: "scroll-x" }, element("table", {}, element("tbody", {}, ...entries.map(([name, type, text]) => element(
    "tr", {}, element("th", { scope: "row" }, element("code", {}, name)), element("td", {}, type), element("td", { class: "text" }, text ?? ""))))));
}

function command(method, path, route) {
  const url = `${location.origin}${path.replace("{job_id}", "JOB").replace("{name}", "tracks.txt")}`;
  const body = route.requestBody?.content ?? {};
  if (body["application/octet-stream"]) return `curl -X POST -T street.mp4 '${url}?name=street.mp4'`;
  if (body["application/json"]) return `curl '${url}' --json '${path.endsWith("/jobs") ? '{"path": "yard.mp4"}' : '{"lines": ["door=160,0,160,240"]}'}'`;
  return method === "get" ? `curl -N '${url}'` : `curl -X ${method.toUpperCase()} '${url}'`;
}

const cards = [];
for (const tag of spec.tags) {
  cards.push(element("h2", { class: "group" }, tag.description));
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      if (!route.tags?.includes(tag.name)) continue;
      const card = element("section", { class: "card route" },
        element("h3", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), element("code", {}, path), element("span", { class: "note" }, route.summary)),
        prose(route.description ?? ""),
        element("pre", {}, command(method, path, route)));
      if (route.parameters?.length) card.append(rows(route.parameters.map((each) => [each.name, `${each.in}: ${named(each.schema)}`, each.description])));
      card.append(rows(Object.entries(route.responses).map(([code, answer]) => [code, named(Object.values(answer.content ?? {})[0]?.schema), answer.description.replace("Successful Response", "")])));
      cards.push(card);
    }
  }
}
cards.push(element("h2", { class: "group" }, "Types of requests and responses"));
for (const [name, schema] of Object.entries(spec.components.schemas)) {
  if (!schema.properties || name.includes("Validation")) continue;
  cards.push(element("section", { class: "card route" }, element("h3", {}, element("code", {}, name), element("span", { class: "note" }, schema.description ?? "")),
    rows(Object.entries(schema.properties).map(([key, value]) => [key, named(value), value.description]))));
}
byId("docs").append(...cards);
byId("facts").textContent = `version ${spec.info.version} · servers with a token expect the header Authorization: Bearer TOKEN`;
document.body.dataset.ready = "";
