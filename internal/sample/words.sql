-- Words that rows are made of. The schema goes away after the load.
create schema sample_words;
create table sample_words.w as select
	array[
		'Amelia','Olivia','Zoë','Chloé','Fatima','Aisha','Priya','Ananya','Mei','Yuki','Sofía','Lucía',
		'Ingrid','Freya','Niamh','Siobhán','Agnieszka','Katarzyna','Anaïs','Élodie','Giulia','Beatriz',
		'Leilani','Nkechi','Thandiwe','Hannah','Rebecca','Charlotte','Grace','Isla','Ada','Maren','Jana',
		'Lena','Teresa','Ximena'] as her,
	array[
		'Oliver','Noah','José','André','Omar','Yusuf','Arjun','Rohan','Wei','Kenji','Mateo','Diego','Lars',
		'Björn','Cillian','Tadhg','Paweł','Tomasz','Étienne','Luca','João','Keoni','Chidi','Sipho','Daniel',
		'Benjamin','Samuel','George','Theo','Felix','Jonas','Emil','Anton','Marek','Ruben','Viktor'] as him,
	array[
		'Smith','O''Connor','García Márquez','Müller','Nguyễn','Kowalski','Okafor','Patel','Kim','Tanaka',
		'Rossi','Silva','Andersson','Dubois','van den Berg','MacLeod','Hussain','Cohen','Novák',
		'Papadopoulos','Ferreira','Jansen','Nakamura','Iyer','Adeyemi','Lindqvist','Moreau','Fitzgerald',
		'Szczepańska','Bianchi','Wójcik','Haddad','Ng','Øvergård','de la Cruz','Baker-Hughes'] as family,
	array[
		'Rose & Thistle','Silver Birch','Golden Hour','Ever After','White Linen','Magnolia',
		'The Long Table','Blue Heron','Wild Fern','Old Orchard','Evermore','North Light','Peony House',
		'Stone Bridge','Marigold'] as brand,
	array['Manor','Barn','Castle','Gardens','Vineyard','Abbey','Boathouse','Orangery','Hall','Farm'] as venue,
	array[
		'London','Edinburgh','Dublin','Bath','York','Paris','Lyon','Berlin','Kraków','Lisbon','Porto',
		'Madrid','Sevilla','Milano','Firenze','Stockholm','Oslo','København','Amsterdam','Brugge'] as city,
	array[
		'We would love the ceremony to start a little earlier so that everyone can enjoy the garden before sunset.',
		'Please confirm the final numbers with the kitchen by Friday.',
		'My grandmother needs a chair close to the aisle and a quiet room afterwards.',
		'The florist suggested eucalyptus instead of ivy; the price stays the same.',
		'Could the band learn our song? I will send the recording tonight.',
		'The deposit has been paid, the receipt is attached.',
		'Two guests are coeliac and one is allergic to nuts.',
		'Parking is limited, so we booked two coaches from the station.',
		'The cake arrives at noon and needs a cool, dry place.',
		'Thank you so much for sorting out the seating plan!',
		'If it rains we move to the orangery and keep the same timings.',
		'The photographer would like thirty minutes with both families after the ceremony.',
		'Do we still need the second microphone for the speeches?',
		'Our flight was moved, we land on Thursday evening instead.',
		'I have changed the menu cards to three languages.',
		'The celebrant asked for the vows a week in advance.'] as sentence,
	array[
		'Book the registrar','Choose the menu','Send the invitations','Order the flowers',
		'Confirm the transport','Pay the deposit','Finish the seating plan','Collect the rings',
		'Write the vows','Brief the ushers','Print the menus','Check the weather plan'] as task,
	array['none','vegetarian','vegan','halal','kosher','gluten free','no nuts','no shellfish'] as diet,
	array[
		'page_view','rsvp_saved','payment_started','file_uploaded',
		'message_sent','form_opened','task_done','search'] as event,
	array[
		'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15',
		'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0',
		'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) Safari/605.1.15',
		'Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/141.0 Mobile'] as agent;
-- pick is the n-th pseudo-random number below m of row i. It is always the same for the same seed.
create function sample_words.pick(i bigint, n int, m bigint) returns bigint language sql immutable parallel safe
	as 'select (hashint8extended(i, {SEED} * 1000 + n) & 9223372036854775807) % m';
create function sample_words.id(kind text, i bigint) returns uuid language sql immutable parallel safe
	as 'select md5(kind || {SEED} || i)::uuid';
