-- Sign-ups checked, greeted and signed: the utility tools together.
--
--   llmspell run scripts/examples/utility_tools.lua

local validator, template = Tool.get("data-validator"), Tool.get("template-creator")
local hash, base64 = Tool.get("hash-calculator"), Tool.get("base64-encoder")
local diff, text = Tool.get("diff-calculator"), Tool.get("text-manipulator")
local uuid, dates, calculator = Tool.get("uuid-generator"), Tool.get("datetime-handler"), Tool.get("calculator")

local people = {
  { name = "Ada Lovelace", mail = "ada@example.org", phone = "+44 20 7946 0000" },
  { name = "Bob", mail = "bob(at)example.org", phone = "12" },
}

local rules = {
  rules = {
    {
      type = "object",
      required = { "name", "mail" },
      properties = {
        name = { rules = { { type = "length", min = 2, max = 40 } } },
        mail = { rules = { { type = "email" } } },
        phone = { rules = { { type = "custom", name = "phone" } } },
      },
    },
  },
}

local welcome = {}
for _, person in ipairs(people) do
  local checked = validator:execute({ input = person, rules = rules }).result
  if checked.valid then
    -- The same name has the same id each time, on every machine.
    person.id = uuid:execute({ operation = "deterministic", name = person.mail }).result.id
    welcome[#welcome + 1] = person
  end
  for _, found in ipairs(checked.errors) do
    print(("%s: %s: %s"):format(person.name, found.field, found.message))
  end
end

local expires = dates:execute({ operation = "add", input = "2024-02-28", amount = 2, unit = "days", format = "%d %B %Y" })
local price = calculator:execute({
  input = "seats * 9.5 * (1 - discount / 100)",
  variables = { seats = #welcome, discount = 10 },
})

local letter = template:execute({
  input = [[
{% for person in people %}Dear {{ person.name }},
your account is {{ person.name | slugify }}, its id {{ person.id }}.
It costs {{ price }} and lasts until {{ expires }}.
{% endfor %}]],
  context = { people = welcome, price = price.result.result, expires = expires.result.result },
}).result.rendered
print(letter)

local digest = hash:execute({ operation = "hash", input = letter }).result.hash
local token = base64:execute({ operation = "encode", input = digest:sub(1, 24), variant = "url-safe" }).result.output
print("signed " .. token)

-- The same letter in capitals, as a reviewer would see the change.
local louder = text:execute({ input = letter, operation = "uppercase" }).result.result
print(diff:execute({ old_text = letter, new_text = louder, format = "simple" }).result.diff)

-- What cannot be done says why, and the script goes on.
local done, problem = pcall(function()
  return base64:execute({ operation = "decode", input = "not base64!" })
end)
print(done, Tool.last_error().code, problem:match("position %d+"))

return { welcomed = #welcome, token = token }
